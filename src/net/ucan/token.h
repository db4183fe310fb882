// The key and the permission of an agent as one text: what `storacha bridge generate-tokens` prints
// as X-Auth-Secret and Authorization, with a colon between the two. With it somebody may act, so it
// is a secret. https://github.com/storacha/upload-service (packages/cli, bridge).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "base/time.h"
#include "net/ucan/ucan.h"

namespace millrace::ucan {

struct Token {
  Ed25519Key agent;
  Ucan delegation;  // to the agent
  Blocks blocks;    // it, and all that it rests on
};

// kInvalid says what is wrong with it, and nothing of what is in it.
Result<Token> ReadToken(const Secret& text);

// What a delegation is good for.
struct Grant {
  std::string space;               // did:key:…
  std::optional<int64_t> expires;  // seconds since 1970, of the first part that ends
};

// Whether the token's agent may do all of these at `now`, as far as that can be told without
// asking: who signed for whom, for what, until when; up to the space itself. `space` "": the one
// that the delegation is of. kInvalid: it may not, with the next step; what others alone can tell
// (an account's signature, what was revoked) is left to them.
Result<Grant> CheckToken(const Token& token, const std::string& space,
                         const std::vector<std::string>& abilities, Time now);

}  // namespace millrace::ucan
