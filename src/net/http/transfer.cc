#include "net/http/transfer.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdio>

#include "base/text.h"

namespace millrace::http {

namespace {

static_assert(sizeof(Transfer::words) == CURL_ERROR_SIZE);
constexpr size_t kMostComing = size_t{2} << 20;  // bytes; as many may be with the reader
constexpr size_t kWorthReading = size_t{128} << 10;

bool IsSuccess(const Transfer& transfer) {
  return transfer.response.status >= 200 && transfer.response.status <= 299;
}

}  // namespace

Transfer::~Transfer() { curl_slist_free_all(headers); }

// A short answer wakes its thread once: when it is whole.
bool Transfer::Wait(std::unique_lock<std::mutex>& lock, std::stop_token stop) {
  return changed.wait(lock, stop, [&] { return done || coming.size() >= kWorthReading; });
}

size_t OnBytes(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  if (transfer.received == 0) {
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    transfer.response.status = static_cast<int>(status);
  }
  int64_t length = transfer.received + static_cast<int64_t>(size);
  if (length > transfer.max_body) {
    transfer.failure = {Code::kExhausted,
                        "the answer is longer than " + FormatBytes(transfer.max_body),
                        "ask for smaller pages, or raise `max_body`"};
    return 0;
  }
  if (!transfer.request.on_body || !IsSuccess(transfer)) {
    std::string& kept = transfer.response.body;
    kept.append(bytes, std::min(size, Response::kMostBody - kept.size()));
    transfer.received = length;
    return size;
  }
  std::lock_guard lock(transfer.mutex);
  if (transfer.abandoned) return 0;
  if (transfer.coming.size() >= kMostComing) {
    transfer.paused = true;
    return CURL_WRITEFUNC_PAUSE;  // the same bytes come again
  }
  transfer.coming.append(bytes, size);
  transfer.received = length;
  if (transfer.coming.size() >= kWorthReading) transfer.changed.notify_all();
  return size;
}

size_t OnHeader(char* bytes, size_t, size_t size, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  if (transfer.received > 0) return size;  // a trailer
  std::string_view line(bytes, size);
  transfer.header_bytes += static_cast<int64_t>(size);
  if (transfer.header_bytes > transfer.max_headers) {
    transfer.failure = {Code::kExhausted,
                        "its headers are longer than " + FormatBytes(transfer.max_headers),
                        "raise `max_headers`"};
    return 0;
  }
  // What came before a status line was of a proxy, or of `100 Continue`.
  if (line.starts_with("HTTP/")) transfer.response.headers.clear();
  size_t colon = line.find(':');
  if (colon != line.npos) {
    transfer.response.headers.emplace_back(Trim(line.substr(0, colon)),
                                           Trim(line.substr(colon + 1)));
  }
  return size;
}

size_t OnBodyWanted(char* to, size_t, size_t most, void* data) {
  auto& transfer = *static_cast<Transfer*>(data);
  int64_t got = transfer.body.Read(to, most);
  if (got >= 0) return static_cast<size_t>(got);
  transfer.failure = Invalid(transfer.request.file_body->path + " changed while it was sent");
  return CURL_READFUNC_ABORT;
}

int OnBodySeek(void* data, int64_t offset, int origin) {
  bool found = origin == SEEK_SET && static_cast<Transfer*>(data)->body.Seek(offset);
  return found ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

}  // namespace millrace::http
