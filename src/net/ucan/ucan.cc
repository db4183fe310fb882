#include "net/ucan/ucan.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "net/ucan/dag_json.h"

namespace millrace::ucan {

namespace {

using ipld::Bytes;
using ipld::Cid;
using ipld::List;
using ipld::Map;
using ipld::Value;

constexpr std::string_view kVersion = "0.9.1";
constexpr std::string_view kEdDsa("\xed\xa1\x03\x40", 4);  // the varint of 0xd0ed; 64 bytes follow
constexpr size_t kSignature = 64, kMostCapabilities = 100, kMostProofs = 100;
constexpr ipld::CborLimits kLimits{.bytes = 1 << 20, .depth = 32, .items = 20'000};

std::string Base64Url(std::string_view bytes) {
  std::string text = Base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

// The JWT that stands for the block.
Result<std::string> SignedText(const Value& block, const Did& issuer, const Did& audience) {
  Map payload{{"att", *block.Find("att")},
              {"aud", audience.text()},
              {"exp", *block.Find("exp")},
              {"iss", issuer.text()}};
  List proofs;
  for (const Value& proof : *block.Find("prf")->As<List>())
    proofs.emplace_back(proof.As<Cid>()->Text());
  payload.emplace_back("prf", std::move(proofs));
  for (const char* key : {"nbf", "nnc"}) {
    if (const Value* value = block.Find(key)) payload.emplace_back(key, *value);
  }
  const Value* facts = block.Find("fct");
  const List* list = facts ? facts->As<List>() : nullptr;
  if (list && !list->empty()) payload.emplace_back("fct", *facts);
  std::string head = R"({"alg":"EdDSA","typ":"JWT","ucv":"0.9.1"})";
  return Base64Url(head) + "." + Base64Url(TRY(WriteDagJson(payload)));
}

Status NoUcan(const std::string& why) { return Invalid("no UCAN: " + why); }

Result<const Value*> Need(const Value& map, const char* key) {
  const Value* found = map.Find(key);
  if (!found) return NoUcan(std::string("it has no '") + key + "'");
  return found;
}

Result<Did> DidAt(const Value& map, const char* key) {
  const Bytes* bytes = TRY(Need(map, key))->As<Bytes>();
  if (!bytes) return NoUcan(std::string("its '") + key + "' is no DID");
  return Did::FromBytes(bytes->bytes);
}

Result<std::optional<int64_t>> SecondsAt(const Value& map, const char* key) {
  const Value* found = map.Find(key);
  if (!found || found->As<std::nullptr_t>()) return std::optional<int64_t>();
  const int64_t* seconds = found->As<int64_t>();
  if (!seconds) return NoUcan(std::string("its '") + key + "' is no time");
  return std::optional(*seconds);
}

Result<Capability> ReadCapability(const Value& value) {
  const Value *can = value.Find("can"), *with = value.Find("with"), *nb = value.Find("nb");
  if (!can || !can->As<std::string>() || !with || !with->As<std::string>())
    return NoUcan("a capability without 'can' or 'with'");
  if (nb && !nb->As<Map>()) return NoUcan("a capability whose 'nb' is no map");
  return Capability{*can->As<std::string>(), *with->As<std::string>(), nb ? *nb : Value()};
}

}  // namespace

std::string WrapSignature(std::string_view signature) {
  return std::string(kEdDsa) + std::string(signature);
}

std::optional<std::string_view> UnwrapSignature(std::string_view signature) {
  if (!signature.starts_with(kEdDsa) || signature.size() != kEdDsa.size() + kSignature)
    return std::nullopt;
  return signature.substr(kEdDsa.size());
}

Result<Ucan> ReadUcan(const Cid& cid, std::string_view block) {
  if (cid.codec() != ipld::kDagCbor) return NoUcan("it is in another encoding than DAG-CBOR");
  Value value = TRY(ipld::ReadDagCbor(block, kLimits));
  const Value* version = TRY(Need(value, "v"));
  if (!version->As<std::string>() || *version->As<std::string>() != kVersion)
    return NoUcan("it is of another version than 0.9.1");
  Ucan ucan;
  ucan.cid = cid;
  ucan.issuer = TRY(DidAt(value, "iss"));
  ucan.audience = TRY(DidAt(value, "aud"));
  const List* capabilities = TRY(Need(value, "att"))->As<List>();
  if (!capabilities || capabilities->empty() || capabilities->size() > kMostCapabilities)
    return NoUcan("its 'att' is not a list of 1 to 100 capabilities");
  for (const Value& each : *capabilities) ucan.capabilities.push_back(TRY(ReadCapability(each)));
  const List* proofs = TRY(Need(value, "prf"))->As<List>();
  if (!proofs || proofs->size() > kMostProofs) return NoUcan("its 'prf' is no list of proofs");
  for (const Value& each : *proofs) {
    if (!each.As<Cid>()) return NoUcan("a proof that is no link");
    ucan.proofs.push_back(*each.As<Cid>());
  }
  TRY(Need(value, "exp"));
  ucan.expires = TRY(SecondsAt(value, "exp"));
  ucan.begins = TRY(SecondsAt(value, "nbf"));
  if (const Value* facts = value.Find("fct")) ucan.facts = *facts;
  const Bytes* signature = TRY(Need(value, "s"))->As<Bytes>();
  if (!signature) return NoUcan("its signature is no bytes");
  ucan.signature = signature->bytes;
  ucan.signed_text = TRY(SignedText(value, ucan.issuer, ucan.audience));
  return ucan;
}

Signature SignatureOf(const Ucan& ucan) {
  std::string_view key = ucan.issuer.public_key();
  std::optional<std::string_view> signature = UnwrapSignature(ucan.signature);
  if (key.empty()) return Signature::kUnknown;
  // Who has such a key signs with it.
  bool right = signature && VerifyEd25519(key, ucan.signed_text, *signature);
  return right ? Signature::kRight : Signature::kWrong;
}

Result<std::pair<Cid, std::string>> IssueUcan(const Ed25519Key& key, const Wish& wish) {
  Did issuer = Did::OfKey(key.public_key());
  Map capability{{"can", wish.capability.can}, {"with", wish.capability.with}};
  if (wish.capability.nb.As<Map>()) capability.emplace_back("nb", wish.capability.nb);
  List proofs;
  for (const Cid& proof : wish.proofs) proofs.emplace_back(proof);
  Map block{{"v", std::string(kVersion)},
            {"iss", Bytes{issuer.bytes()}},
            {"aud", Bytes{wish.audience.bytes()}},
            {"att", List{std::move(capability)}},
            {"prf", std::move(proofs)},
            {"exp", wish.expires ? Value(*wish.expires) : Value()}};
  if (!wish.nonce.empty()) block.emplace_back("nnc", wish.nonce);
  if (wish.facts.As<List>()) block.emplace_back("fct", wish.facts);
  std::string text = TRY(SignedText(Value(block), issuer, wish.audience));
  block.emplace_back("s", Bytes{WrapSignature(key.Sign(text))});
  std::string bytes = TRY(ipld::WriteDagCbor(Value(std::move(block))));
  Cid cid = Cid::Of(ipld::kDagCbor, bytes);
  return std::pair(std::move(cid), std::move(bytes));
}

}  // namespace millrace::ucan
