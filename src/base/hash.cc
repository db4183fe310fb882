#include "base/hash.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>

#include "base/openssl.h"

namespace millrace {

namespace {

constexpr char kHex[] = "0123456789abcdef";

void Must(int ok, const char* what) { openssl::Must(ok == 1, what); }

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { Must(EVP_DigestInit_ex(context, EVP_sha256(), nullptr), "SHA-256 init"); }
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::~Sha256() = default;

void Sha256::Update(std::string_view bytes) {
  Must(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()), "SHA-256 update");
}

std::string Sha256::Hex() const {
  State copy;
  Must(EVP_MD_CTX_copy_ex(copy.context, state_->context), "SHA-256 copy");
  std::string digest(32, '\0');
  unsigned length = 0;
  Must(EVP_DigestFinal_ex(copy.context, openssl::Bytes(digest), &length), "SHA-256 final");
  return HexOf(digest);
}

std::string Sha256Hex(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Hex();
}

std::string HexOf(std::string_view bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

std::string NewUuid() {
  std::array<unsigned char, 16> bytes;
  Must(RAND_bytes(bytes.data(), int(bytes.size())), "random bytes");
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string uuid;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) uuid += '-';
    uuid += kHex[bytes[i] >> 4];
    uuid += kHex[bytes[i] & 15];
  }
  return uuid;
}

}  // namespace millrace
