#include "net/ucan/message.h"

#include <algorithm>

#include "base/text.h"
#include "base/utf8.h"
#include "net/ipld/car.h"

namespace millrace::ucan {

namespace {

using ipld::Bytes;
using ipld::Cid;
using ipld::List;
using ipld::Map;
using ipld::Value;

constexpr const char* kMessage = "ucanto/message@7.0.0";
constexpr size_t kMostForks = 200, kShownBytes = 300;
constexpr ipld::CborLimits kLimits{.bytes = 1 << 20, .depth = 32, .items = 20'000};

Status NoReceipt(const char* why) { return Invalid(std::string("no receipt: ") + why); }

const Value* FindIn(const Value* map, const char* key) { return map ? map->Find(key) : nullptr; }

Status ReadOut(const Value& out, Receipt& receipt) {
  const Value *ok = out.Find("ok"), *error = out.Find("error");
  if ((ok == nullptr) == (error == nullptr)) return NoReceipt("it says neither ok nor error");
  receipt.ok = ok != nullptr;
  receipt.out = ok ? *ok : *error;
  if (ok) return Status::Ok();
  const Value *name = error->Find("name"), *message = error->Find("message");
  if (name && name->As<std::string>()) receipt.error_name = *name->As<std::string>();
  if (message && message->As<std::string>()) receipt.error_message = *message->As<std::string>();
  return Status::Ok();
}

}  // namespace

Result<Blocks> ReadBlocks(std::string_view car, Cid& root, const MessageLimits& limits) {
  if (car.size() > limits.bytes)
    return Invalid("a CAR of " + std::to_string(car.size()) + " bytes: at most " +
                   std::to_string(limits.bytes));
  size_t at = 0;
  auto read = [&](char* to, size_t most) -> Result<size_t> {
    size_t got = car.copy(to, most, at);
    at += got;
    return got;
  };
  ipld::CarReader reader(read, {.header = 4096, .block = limits.bytes});
  TRY(reader.Open());
  if (reader.roots().size() != 1) return Invalid("a CAR that has not one root");
  root = reader.roots()[0];
  Blocks blocks;
  while (std::optional<ipld::CarBlock> block = TRY(reader.Next())) {
    TRY(block->cid.Verify(block->data));
    blocks.emplace(block->cid, block->data);
    if (blocks.size() > limits.blocks)
      return Invalid("a CAR of more than " + std::to_string(limits.blocks) + " blocks");
  }
  if (!blocks.contains(root)) return Invalid("a CAR without the block of its root");
  return blocks;
}

std::string WriteBlocks(const Cid& root, const Blocks& blocks) {
  std::string car = ipld::CarHeader({root});
  for (const auto& [cid, block] : blocks)
    car.append(ipld::CarBlockHead(cid, block.size())).append(block);
  return car;
}

Result<Message> ReadMessage(std::string_view car, const MessageLimits& limits) {
  Message message;
  Cid root;
  message.blocks = TRY(ReadBlocks(car, root, limits));
  Value value = TRY(ipld::ReadDagCbor(message.blocks.at(root), kLimits));
  const Value* body = value.Find(kMessage);
  if (!body) return Invalid("no message of an agent: its root has no 'ucanto/message@7.0.0'");
  const Value* report = body->Find("report");
  const Map* entries = report ? report->As<Map>() : nullptr;
  if (report && !entries) return Invalid("a message whose report is no map");
  if (!entries) return message;
  for (const auto& [task, receipt] : *entries) {
    if (!receipt.As<Cid>()) return Invalid("a message that reports something else than a receipt");
    message.report.emplace(TRY(Cid::Parse(task)), *receipt.As<Cid>());
  }
  return message;
}

Result<std::string> WriteRequest(const Cid& invocation, Blocks blocks) {
  Value value(Map{{kMessage, Map{{"execute", List{invocation}}}}});
  std::string root = TRY(ipld::WriteDagCbor(value));
  Cid cid = Cid::Of(ipld::kDagCbor, root);
  blocks.emplace(cid, std::move(root));
  return WriteBlocks(cid, blocks);
}

Result<Receipt> ReadReceipt(const Cid& cid, std::string_view block) {
  Value value = TRY(ipld::ReadDagCbor(block, kLimits));
  const Value *ocm = value.Find("ocm"), *sig = value.Find("sig");
  const Value *ran = FindIn(ocm, "ran"), *out = FindIn(ocm, "out"), *iss = FindIn(ocm, "iss");
  if (!sig || !sig->As<Bytes>()) return NoReceipt("it has no signature");
  if (!ran || !ran->As<Cid>()) return NoReceipt("it does not say of which task it is");
  if (!out) return NoReceipt("it does not say what came of the task");
  Receipt receipt;
  receipt.cid = cid;
  receipt.ran = *ran->As<Cid>();
  TRY(ReadOut(*out, receipt));
  if (iss && iss->As<std::string>()) receipt.issuer = TRY(Did::Parse(*iss->As<std::string>()));
  if (iss && iss->As<Bytes>()) receipt.issuer = TRY(Did::FromBytes(iss->As<Bytes>()->bytes));
  const Value* forks = FindIn(FindIn(ocm, "fx"), "fork");
  if (forks && forks->As<List>()) {
    if (forks->As<List>()->size() > kMostForks) return NoReceipt("it has too many forks");
    for (const Value& fork : *forks->As<List>()) {
      if (fork.As<Cid>()) receipt.forks.push_back(*fork.As<Cid>());
    }
  }
  receipt.signature = sig->As<Bytes>()->bytes;
  receipt.signed_bytes = TRY(ipld::WriteDagCbor(*ocm));
  return receipt;
}

bool IsSignedBy(const Receipt& receipt, std::string_view public_key) {
  std::optional<std::string_view> signature = UnwrapSignature(receipt.signature);
  return signature && VerifyEd25519(public_key, receipt.signed_bytes, *signature);
}

Result<std::pair<Cid, std::string>> IssueReceipt(const Ed25519Key& key, const Cid& ran) {
  Map ocm{{"ran", ran},
          {"out", Map{{"ok", Map{}}}},
          {"fx", Map{{"fork", List{}}}},
          {"meta", Map{}},
          {"iss", Did::OfKey(key.public_key()).text()},
          {"prf", List{}}};
  std::string signature = key.Sign(TRY(ipld::WriteDagCbor(Value(ocm))));
  Value receipt(Map{{"ocm", std::move(ocm)}, {"sig", Bytes{WrapSignature(signature)}}});
  std::string block = TRY(ipld::WriteDagCbor(receipt));
  Cid cid = Cid::Of(ipld::kDagCbor, block);
  return std::pair(std::move(cid), std::move(block));
}

std::string ShownText(std::string_view text) {
  std::string shown(text.substr(0, 2 * kShownBytes));
  if (!IsUtf8Text(text)) {
    std::erase_if(shown, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  }
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return CutText(std::string(Trim(shown)), kShownBytes);
}

}  // namespace millrace::ucan
