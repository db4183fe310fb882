// What libcurl says of a failed transfer, in words that help. Private to net/http/.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "net/http/client.h"

namespace millrace::http {

struct CurlFailure {
  int code = 0;              // CURLcode
  std::string words;         // libcurl's own, may be empty
  long verify_result = 0;    // X509_V_ERR_*, when a certificate was refused
  int64_t got = 0;           // bytes of the body
  int64_t expected = -1;     // of them; -1: unknown
  bool had_headers = false;  // the answer had begun
};

Status ExplainCurl(const CurlFailure& failure, const std::string& host,
                   const ClientOptions& options);

}  // namespace millrace::http
