// A small HTTP server for the suite: documents by path, as NDJSON; 404 for others.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace millrace::conformance {

// On a thread of this process, one connection at a time; ends with it.
class ApiServer {
 public:
  static ApiServer& Get();
  std::string base() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void Serve(const std::string& path, std::string document);

 private:
  ApiServer();
  void Work();
  std::string Answer(const std::string& path);

  int listener_ = -1, port_ = 0;
  std::mutex mutex_;
  std::map<std::string, std::string> documents_;
};

}  // namespace millrace::conformance
