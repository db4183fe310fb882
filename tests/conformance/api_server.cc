#include "conformance/api_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace millrace::conformance {

ApiServer& ApiServer::Get() {
  static ApiServer* server = new ApiServer();  // its thread lives as long as the process
  return *server;
}

ApiServer::ApiServer() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::bind(listener_, any, length) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, any, &length) != 0) {
    std::perror("the suite's HTTP server");
    std::abort();
  }
  port_ = ::ntohs(address.sin_port);
  std::thread([this] { Work(); }).detach();
}

void ApiServer::Serve(const std::string& path, std::string document) {
  std::lock_guard lock(mutex_);
  documents_[path] = std::move(document);
}

std::string ApiServer::Answer(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto found = documents_.find(path);
  bool there = found != documents_.end();
  std::string body = there ? found->second : "no " + path;
  return std::string("HTTP/1.1 ") + (there ? "200 OK" : "404 Not Found") +
         "\r\nContent-Type: " + (there ? "application/x-ndjson" : "text/plain") +
         "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

void ApiServer::Work() {
  for (;;) {
    int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    std::string request;
    char piece[4096];
    while (request.find("\r\n\r\n") == request.npos) {
      ssize_t got = ::read(connection, piece, sizeof piece);
      if (got <= 0) break;
      request.append(piece, static_cast<size_t>(got));
    }
    size_t begin = request.find(' ') + 1;
    std::string answer = Answer(request.substr(begin, request.find(' ', begin) - begin));
    for (size_t sent = 0; sent < answer.size();) {
      ssize_t more = ::send(connection, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
      if (more <= 0) break;
      sent += static_cast<size_t>(more);
    }
    ::close(connection);
  }
}

}  // namespace millrace::conformance
