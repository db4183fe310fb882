// SHA-256 in base64, as S3's headers have it.
#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/base64.h"

namespace millrace::s3 {

// 64 hex digits as 32 bytes; "" when it is something else.
std::string FromHex(std::string_view hex);

// 32 bytes in base64 as 64 hex digits; "" when it is something else.
std::string ToHex(std::string_view base64);

// The digest of an object that was put in parts: of its parts' digests, and "-" how many.
class PartsDigest {
 public:
  void Add(std::string_view part_hex);
  std::string Text() const;

 private:
  Sha256 hash_;
  int parts_ = 0;
};

}  // namespace millrace::s3
