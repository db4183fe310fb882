// How an S3 server is reached and what a client may use: the fields of an S3 connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/secret.h"
#include "base/time.h"

namespace millrace {

enum class S3Credentials {
  kAuto,         // the keys below when they are given, else AWS's default chain
  kStatic,       // access_key, secret_key, session_token
  kProfile,      // ~/.aws/config and ~/.aws/credentials
  kEnvironment,  // AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
  kWebIdentity,  // AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN
  kAnonymous,    // requests are not signed
};

struct S3Options {
  std::string endpoint;  // http(s)://host[:port]; empty: AWS, by region
  std::string region = "us-east-1";
  std::optional<bool> path_style;  // http://host/bucket/key; by default when an endpoint is set
  S3Credentials credentials = S3Credentials::kAuto;
  std::string access_key;
  Secret secret_key;
  Secret session_token;
  std::string profile;  // kProfile and the default chain; empty: AWS_PROFILE or "default"
  std::string ca_file;  // PEM, instead of the system's certificates

  int64_t part_size = int64_t{8} << 20;       // bytes of a part; larger objects go in parts
  int64_t memory_limit = int64_t{256} << 20;  // bytes of objects in memory, all calls together
  int64_t past_cache = int64_t{1} << 30;      // bytes; larger files bypass the cache
  int64_t copy_part_size = int64_t{1} << 30;  // larger copies the server makes in parts: at AWS,
  int64_t copy_whole = int64_t{5} << 30;      // elsewhere those of more bytes than this
  int parts_in_flight = 8;                    // of one object; each takes its memory
  int connections = 16;                       // at once; more for many small objects far away
  int attempts = 8;                           // of a request
  Micros backoff_base{std::chrono::milliseconds(100)};
  Micros backoff_cap{std::chrono::seconds(10)};
  Micros connect_timeout{std::chrono::seconds(5)};
  Micros read_timeout{std::chrono::seconds(60)};  // without one byte from a server that was asked
  Micros request_timeout{std::chrono::minutes(15)};  // of a request, all attempts together

  bool operator==(const S3Options&) const = default;
};

}  // namespace millrace
