#include "net/ucan/token.h"

#include <algorithm>
#include <set>

#include "base/base64.h"
#include "base/text.h"
#include "net/ucan/message.h"

namespace millrace::ucan {

namespace {

using ipld::Cid;
using ipld::Value;

constexpr size_t kMostText = size_t{1} << 20;
constexpr int kMostHops = 16, kMostSteps = 1000;
constexpr const char* kGetOne =
    "get one: `storacha bridge generate-tokens <space> --can space/blob/add --can space/index/add "
    "--can upload/add`, and join its X-Auth-Secret and Authorization by a colon";

std::optional<std::string> FromMultibase(std::string_view text) {
  if (!text.starts_with('u')) return std::nullopt;
  std::string base64(text.substr(1));
  std::replace(base64.begin(), base64.end(), '-', '+');
  std::replace(base64.begin(), base64.end(), '_', '/');
  base64.append((4 - base64.size() % 4) % 4, '=');
  return FromBase64(base64);
}

Status NoToken(const std::string& why) {
  return Invalid("the token is not one of Storacha: " + why, kGetOne);
}

int64_t Seconds(Time time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}
std::string TimeText(int64_t seconds) {
  constexpr int64_t kYear9999 = 253'402'300'799;
  int64_t bounded = std::clamp<int64_t>(seconds, 0, kYear9999);
  return FormatTime(Time(std::chrono::seconds(bounded))).substr(0, 19) + "Z";
}

// "*" and "space/*" stand for all below.
bool Covers(std::string_view pattern, std::string_view ability) {
  if (pattern == "*" || pattern == ability) return true;
  return pattern.ends_with("/*") && ability.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool Covers(const Ucan& ucan, std::string_view space, std::string_view ability) {
  return std::any_of(ucan.capabilities.begin(), ucan.capabilities.end(), [&](const auto& each) {
    return (each.with == space || each.with == "ucan:*") && Covers(each.can, ability);
  });
}

// Follows a delegation to the space that it is of.
class Chain {
 public:
  Chain(const Token& token, const std::string& space, int64_t now)
      : token_(token), space_(space), now_(now) {}

  // When the first part of it ends.
  Result<std::optional<int64_t>> Follow(const Ucan& ucan, const std::string& ability, int hops) {
    if (++steps_ > kMostSteps || hops > kMostHops)
      return Invalid("the delegation rests on too many others", "get a new token");
    TRY(IsValid(ucan));
    if (!Covers(ucan, space_, ability)) return Missing(ucan, ability);
    if (ucan.issuer.text() == space_) return ucan.expires;
    Status why = Invalid("a part of the delegation is missing: nothing shows that " +
                             ucan.issuer.text() + " may use the space " + space_,
                         kGetOne);
    for (const Cid& proof : ucan.proofs) {
      Result<std::optional<int64_t>> end = FollowProof(ucan, proof, ability, hops);
      if (end.ok()) return Earlier(ucan.expires, *end);
      if (end.code() != Code::kNotFound) why = end.status();
    }
    return why;
  }

 private:
  static std::optional<int64_t> Earlier(std::optional<int64_t> a, std::optional<int64_t> b) {
    return a && b ? std::min(*a, *b) : a ? a : b;
  }

  Status Missing(const Ucan& ucan, const std::string& ability) const {
    bool other = std::none_of(ucan.capabilities.begin(), ucan.capabilities.end(),
                              [&](const auto& each) { return each.with == space_; });
    if (other) {
      return Invalid("the delegation is of another space, " +
                         ShownText(ucan.capabilities[0].with) + ", not of " + space_,
                     "see `space`, or get a token of that space");
    }
    return Invalid("the delegation does not allow " + ability + " in the space " + space_,
                   kGetOne);
  }

  Status IsValid(const Ucan& ucan) const {
    if (ucan.expires && *ucan.expires <= now_)
      return Invalid("the delegation ended at " + TimeText(*ucan.expires), "get a new token");
    if (ucan.begins && *ucan.begins > now_) {
      return Invalid("the delegation begins at " + TimeText(*ucan.begins),
                     "wait until then, or see that this machine's clock is right");
    }
    if (SignatureOf(ucan) == Signature::kWrong)
      return Invalid("a signature in the delegation is wrong", kGetOne);
    return Status::Ok();
  }

  // kNotFound: it says nothing about what is asked.
  Result<std::optional<int64_t>> FollowProof(const Ucan& of, const Cid& proof,
                                             const std::string& ability, int hops) {
    auto block = token_.blocks.find(proof);
    if (block == token_.blocks.end()) return NotFound("not in the token");
    Result<Ucan> ucan = ReadUcan(proof, block->second);
    if (!ucan.ok() || ucan->audience != of.issuer) return NotFound("of another");
    if (ucan->capabilities[0].can == "ucan/attest") return NotFound("not of a space");
    return Follow(*ucan, ability, hops + 1);
  }

  const Token& token_;
  const std::string& space_;
  const int64_t now_;
  int steps_ = 0;
};

}  // namespace

Result<Token> ReadToken(const Secret& text) {
  std::string_view all = Trim(text.Reveal());
  if (all.empty()) return NoToken("it is empty");
  if (all.size() > kMostText) return NoToken("it is longer than 1 MiB");
  size_t colon = all.find(':');
  if (colon == all.npos) return NoToken("it has no colon in it");
  auto secret = FromMultibase(all.substr(0, colon));
  auto archive = FromMultibase(all.substr(colon + 1));
  if (!secret || !archive || secret->empty())
    return NoToken("its two parts are Base64url with a 'u' before it");
  ipld::Digest seed = ipld::DigestOf(*secret);
  Cid root;
  Result<Blocks> blocks = ReadBlocks(*archive, root);
  if (!blocks.ok()) return NoToken("behind the colon is no delegation");
  Result<Value> variant = ipld::ReadDagCbor(blocks->at(root));
  const Value* link = variant.ok() ? variant->Find("ucan@0.9.1") : nullptr;
  const Cid* cid = link ? link->As<Cid>() : nullptr;
  if (!cid || !blocks->contains(*cid)) return NoToken("behind the colon is no delegation");
  Result<Ucan> delegation = ReadUcan(*cid, blocks->at(*cid));
  if (!delegation.ok()) return NoToken(delegation.status().message());
  blocks->erase(root);
  return Token{Ed25519Key::FromSeed({reinterpret_cast<const char*>(seed.data()), seed.size()}),
               *std::move(delegation), *std::move(blocks)};
}

Result<Grant> CheckToken(const Token& token, const std::string& space,
                         const std::vector<std::string>& abilities, Time now) {
  const Ucan& delegation = token.delegation;
  if (delegation.audience != Did::OfKey(token.agent.public_key())) {
    return Invalid("the two parts of the token do not belong together: the delegation is for " +
                       ShownText(delegation.audience.text()),
                   kGetOne);
  }
  Grant grant{space.empty() ? delegation.capabilities[0].with : space, std::nullopt};
  if (!Did::Parse(grant.space).ok()) return Invalid("the delegation is of no space", kGetOne);
  for (const std::string& ability : abilities) {
    Chain chain(token, grant.space, Seconds(now));
    std::optional<int64_t> end = TRY(chain.Follow(delegation, ability, 0));
    if (end && (!grant.expires || *end < *grant.expires)) grant.expires = end;
  }
  return grant;
}

}  // namespace millrace::ucan
