// SHA-256, by OpenSSL (CPU instructions where there are any).
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace millrace {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(std::string_view bytes);
  // 64 lower-case hex digits. The digest so far: more bytes may follow.
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string Sha256Hex(std::string_view bytes);
// Two lower-case digits for each byte.
std::string HexOf(std::string_view bytes);
// A random UUID (version 4), 36 characters.
std::string NewUuid();

}  // namespace millrace
