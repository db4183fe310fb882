#include "net/s3/digest.h"

#include <openssl/evp.h>

#include "base/hash.h"

namespace millrace::s3 {

std::string ToHex(std::string_view base64) {
  std::string bytes(base64.size(), '\0');
  int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                               reinterpret_cast<const unsigned char*>(base64.data()),
                               static_cast<int>(base64.size()));
  // 32 bytes are 43 characters and one that fills up: the decoder counts it as a byte.
  if (base64.size() != 44 || base64.back() != '=' || length != 33) return "";
  return HexOf(std::string_view(bytes).substr(0, 32));
}

std::string FromHex(std::string_view hex) {
  auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string bytes;
  if (hex.size() != 64) return bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    int high = digit(hex[i]), low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return "";
    bytes += static_cast<char>(high * 16 + low);
  }
  return bytes;
}

void PartsDigest::Add(std::string_view part_hex) {
  hash_.Update(FromHex(part_hex));
  ++parts_;
}

std::string PartsDigest::Text() const {
  return Base64(FromHex(hash_.Hex())) + "-" + std::to_string(parts_);
}

}  // namespace millrace::s3
