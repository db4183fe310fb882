// Signatures by Ed25519 (https://www.rfc-editor.org/rfc/rfc8032), by OpenSSL.
//
//   Ed25519Key key = Ed25519Key::New();
//   std::string signature = key.Sign(text);
//   if (!VerifyEd25519(key.public_key(), text, signature)) …
#pragma once

#include <string>
#include <string_view>

namespace millrace {

class Ed25519Key {
 public:
  // Precondition: 32 bytes.
  static Ed25519Key FromSeed(std::string_view seed);
  static Ed25519Key New();

  const std::string& public_key() const { return public_key_; }  // 32 bytes
  // 32 bytes, secret: never into a message or a log.
  const std::string& seed() const { return seed_; }
  // 64 bytes; the same for the same message. Aborts when OpenSSL fails.
  std::string Sign(std::string_view message) const;

 private:
  std::string seed_, public_key_;
};

// False, too, when the key or the signature has another length than it must.
bool VerifyEd25519(std::string_view public_key, std::string_view message,
                   std::string_view signature);

}  // namespace millrace
