#include "net/ucan/signing_key.h"

#include <optional>
#include <string>
#include <string_view>

#include "base/base64.h"

namespace millrace::ucan {

namespace {

// Multicodecs, as varints: ed25519-pub and ed25519-priv.
constexpr std::string_view kPublic = "\xed\x01", kPrivate{"\x80\x26", 2};
constexpr size_t kKeySize = 32;

}  // namespace

Secret SigningKeyText(const Ed25519Key& key) {
  return Secret("M" + Base64(std::string(kPrivate) + key.seed() + std::string(kPublic) +
                             key.public_key()));
}

Result<Ed25519Key> ParseSigningKey(const Secret& text) {
  const Status bad =
      Invalid("the signing key is none", "it begins with Mg: `millrace keygen` prints one");
  std::optional<std::string> bytes;
  if (text.Reveal().starts_with('M')) bytes = FromBase64(text.Reveal().substr(1));
  if (!bytes || bytes->size() != kPrivate.size() + kPublic.size() + 2 * kKeySize) return bad;
  if (!bytes->starts_with(kPrivate)) return bad;
  Ed25519Key key = Ed25519Key::FromSeed(bytes->substr(kPrivate.size(), kKeySize));
  std::string rest = bytes->substr(kPrivate.size() + kKeySize);
  return rest == std::string(kPublic) + key.public_key() ? Result<Ed25519Key>(key) : bad;
}

}  // namespace millrace::ucan
