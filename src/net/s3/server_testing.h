// For tests: the real S3 server of tests/services/s3_server.py. MILLRACE_SOURCE_FOLDER is the
// checkout.
#pragma once

#include <cstdio>
#include <string>

#include "net/s3/s3.h"

namespace millrace {

class S3TestServer {
 public:
  // Its buckets are folders of <folder>/buckets. `port` 0: any. `endpoint` is empty when it does
  // not start.
  explicit S3TestServer(std::string folder, int port = 0)
      : folder_(std::move(folder)),
        endpoint_(FirstLine("start '" + folder_ + "' --port " + std::to_string(port))) {}
  ~S3TestServer() { FirstLine("stop '" + folder_ + "'"); }
  S3TestServer(const S3TestServer&) = delete;
  S3TestServer& operator=(const S3TestServer&) = delete;

  const std::string& folder() const { return folder_; }
  const std::string& endpoint() const { return endpoint_; }

 private:
  static std::string FirstLine(const std::string& words) {
    std::string command = MILLRACE_SOURCE_FOLDER "/tests/services/s3_server.py " + words;
    char line[512] = "";
    FILE* out = ::popen(command.c_str(), "r");
    if (out && !std::fgets(line, sizeof line, out)) line[0] = '\0';
    if (out) ::pclose(out);
    std::string text = line;
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  const std::string folder_, endpoint_;
};

// With the keys of the tests.
inline std::shared_ptr<S3Client> ConnectForTest(const std::string& endpoint) {
  S3Options options{.endpoint = endpoint};
  options.access_key = "testkey";
  options.secret_key = Secret("test-secret-key");
  return *OpenS3(options);
}

}  // namespace millrace
