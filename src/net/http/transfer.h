// One exchange between the thread that waits for it and the event thread. Private to net/http/.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "net/http/file_body.h"
#include "net/http/message.h"

struct curl_slist;

namespace millrace::http {

struct Transfer {
  Request request;
  std::string url, host;
  curl_slist* headers = nullptr;
  int64_t max_body = 0, max_headers = 0;
  FileBodyReader body;  // of the request's file_body
  char words[256] = "";  // CURL_ERROR_SIZE

  // Of the event thread until the body begins or all is done; they do not change after that.
  void* easy = nullptr;  // CURL*
  Response response;
  int64_t header_bytes = 0, received = 0;
  Status failure;  // of ours: a limit

  std::mutex mutex;  // over all below
  std::condition_variable_any changed;
  std::string coming;      // of the body, until it is read
  bool paused = false;     // by the event thread: nobody reads
  bool abandoned = false;  // by the waiting thread
  bool done = false;
  Status status;

  ~Transfer();
  // Waits until there is something to do for the waiting thread; false: stopped. Locked.
  bool Wait(std::unique_lock<std::mutex>& lock, std::stop_token stop);
};

// libcurl's callbacks; `data` is the Transfer.
size_t OnBytes(char* bytes, size_t, size_t size, void* data);
size_t OnHeader(char* bytes, size_t, size_t size, void* data);
size_t OnBodyWanted(char* to, size_t, size_t most, void* data);
int OnBodySeek(void* data, int64_t offset, int origin);

}  // namespace millrace::http
