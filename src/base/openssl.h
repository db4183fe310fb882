// What calls to OpenSSL need: bytes as it takes them, and an end where it has no way to fail.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace millrace::openssl {

// For calls that fail only without memory, or when they are used wrongly.
inline void Must(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "millrace: OpenSSL failed: %s\n", what);
  std::abort();
}

inline const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* Bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace millrace::openssl
