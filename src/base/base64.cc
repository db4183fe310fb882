#include "base/base64.h"

#include <openssl/evp.h>

#include "base/utf8.h"

namespace millrace {

std::string Base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                               reinterpret_cast<const unsigned char*>(bytes.data()),
                               static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::optional<std::string> FromBase64(std::string_view text) {
  size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bool wrong_byte = text.substr(0, text.size() - padding)
                        .find_first_not_of(
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                            "0123456789+/") != text.npos;
  if (text.size() % 4 != 0 || wrong_byte) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                               reinterpret_cast<const unsigned char*>(text.data()),
                               static_cast<int>(text.size()));
  if (length < 0) return std::nullopt;
  bytes.resize(static_cast<size_t>(length) - padding);
  return bytes;
}

constexpr const char* kBase64 = "base64:";

std::string BytesAsText(std::string_view bytes) {
  bool as_they_are = IsUtf8Text(bytes) && !bytes.starts_with(kBase64);
  return as_they_are ? std::string(bytes) : kBase64 + Base64(bytes);
}

std::string BytesOfText(std::string_view text) {
  std::optional<std::string> bytes;
  if (text.starts_with(kBase64)) bytes = FromBase64(text.substr(std::string_view(kBase64).size()));
  return bytes ? *std::move(bytes) : std::string(text);
}

}  // namespace millrace
