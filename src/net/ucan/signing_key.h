// Secret Ed25519 keys as text, in the form that Storacha's client prints and reads: "Mg…",
// multibase base64 of both keys with their multicodecs.
#pragma once

#include "base/ed25519.h"
#include "base/secret.h"
#include "base/status.h"

namespace millrace::ucan {

Secret SigningKeyText(const Ed25519Key& key);
// kInvalid does not repeat what was given.
Result<Ed25519Key> ParseSigningKey(const Secret& text);

}  // namespace millrace::ucan
