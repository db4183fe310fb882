#include "lake/file_url.h"

#include <cctype>

namespace millrace {

namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string EncodePath(std::string_view path) {
  // What RFC 3986 lets stand in a path, less what some readers take for more than a letter.
  constexpr std::string_view kPlain = "-_.~/=+,@&$!*()";
  std::string url;
  for (char c : path) {
    if (std::isalnum(static_cast<unsigned char>(c)) || kPlain.find(c) != kPlain.npos) {
      url += c;
    } else {
      constexpr char kHex[] = "0123456789ABCDEF";
      auto byte = static_cast<unsigned char>(c);
      url += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return url;
}

std::string DecodePath(std::string_view url) {
  if (url.starts_with("file:")) {
    url.remove_prefix(5);
    if (url.starts_with("///")) url.remove_prefix(2);
  }
  std::string path;
  for (size_t i = 0; i < url.size(); ++i) {
    int high = url[i] == '%' && i + 2 < url.size() ? HexDigit(url[i + 1]) : -1;
    int low = high >= 0 ? HexDigit(url[i + 2]) : -1;
    if (low >= 0) {
      path += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      path += url[i];
    }
  }
  return path;
}

bool IsAbsolute(std::string_view path) {
  return path.starts_with('/') || path.find("://") != path.npos;
}

}  // namespace millrace
