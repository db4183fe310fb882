#include "net/postgres/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/text.h"

namespace millrace::pg {

namespace {

struct Lookup {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool done = false;
  int error = 0;
  std::vector<std::string> addresses;
};

void Look(const std::shared_ptr<Lookup>& lookup, const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found);
  std::vector<std::string> addresses;
  for (addrinfo* each = found; each; each = each->ai_next) {
    char text[INET6_ADDRSTRLEN + 1] = "";
    ::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
    if (text[0]) addresses.emplace_back(text);
  }
  if (found) ::freeaddrinfo(found);
  std::lock_guard lock(lookup->mutex);
  lookup->done = true;
  lookup->error = error;
  lookup->addresses = std::move(addresses);
  lookup->changed.notify_all();
}

bool IsAddress(const std::string& host) {
  unsigned char buffer[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), buffer) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), buffer) == 1;
}

}  // namespace

Status ResolveHost(std::map<std::string, std::string>& parameters, const std::string& place,
                   Micros longest, std::stop_token stop) {
  auto host = parameters.find("host");
  bool one_name = host != parameters.end() && !host->second.empty() &&
                  host->second.find_first_of(",/@") == std::string::npos &&
                  !IsAddress(host->second);
  if (!one_name || parameters.contains("hostaddr")) return Status::Ok();
  auto lookup = std::make_shared<Lookup>();
  // The system's lookup cannot be interrupted: a thread that is left alone ends by itself.
  std::thread(Look, lookup, host->second).detach();
  std::unique_lock lock(lookup->mutex);
  bool done = lookup->changed.wait_for(lock, stop, longest, [&] { return lookup->done; });
  if (stop.stop_requested()) return Canceled();
  if (!done || lookup->error || lookup->addresses.empty()) {
    std::string why = done ? ::gai_strerror(lookup->error) : "no name server answered";
    return {Code::kUnavailable, "there is no host " + place + " (" + why + ")",
            "see that the name is right"};
  }
  std::vector<std::string> names(lookup->addresses.size(), host->second);
  parameters["hostaddr"] = Join(lookup->addresses, ",");
  parameters["host"] = Join(names, ",");
  return Status::Ok();
}

}  // namespace millrace::pg
