// Vectors were made by the network's own code: @ucanto/core 10.4.6, @ucanto/principal 9.0.3.
#include "net/ucan/ucan.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "net/ucan/dag_json.h"
#include "net/ucan/message.h"
#include "net/ucan/signing_key.h"
#include "net/ucan/token.h"

namespace millrace::ucan {
namespace {

using ipld::Cid;
using ipld::Map;
using ipld::Value;

constexpr const char* kToken =
    "ubWlsbHJhY2UtdGVzdC1zZWNyZXQtb2YtMzItY2hhcnM:uOqJlcm9vdHOB2CpYJQABcRIgFIzneB7TrUYUsP6x2iwh"
    "4Lf1xsl9OE9YWEuxCNktS-NndmVyc2lvbgHCAwFxEiCFIswrvY3fgvMoNVi9xxP3Gsd7YcBeNNtiIJN4f9setKlhc1"
    "hE7aEDQDw-JbnWwNG2ou0xwpZdpeQeKOi-RqZjZJkBOIr9KLZj49e7cHTrtJ2640TFEr1VvM3zxrRPMkx5Q-3Q40hY"
    "iA1hdmUwLjkuMWNhdHSComNjYW5nc3BhY2UvKmR3aXRoeDhkaWQ6a2V5Ono2TWtvbjNOZWNkNk5ra3lmb0dvSHhpZD"
    "J6bkdjNTlMVTNLN211YmFSY0ZiTGZMWKJjY2FuaHVwbG9hZC8qZHdpdGh4OGRpZDprZXk6ejZNa29uM05lY2Q2Tmtr"
    "eWZvR29IeGlkMnpuR2M1OUxVM0s3bXViYVJjRmJMZkxYY2F1ZFgi7QGBOXcOqH0XX1ajVGbDTH7My42KkbTuN6Jd9g"
    "9bj8mzlGNleHAa7msoAGNmY3SBpWFhZ8OpIlwKAS9hYkP7_wFhbNgqWCUAAXESINo03d7RUFslT8VcShCWosMP-c0O"
    "DfqukAcItAJWxCmDYW2D9fYmYW4MY2lzc1gi7QGKiOPddAnxlf1S2y08ul1yymcJvx2UEhvzdIgBtA9vXGNubmNibj"
    "FjcHJmgJUEAXESIKVOzQjGQjllHrnHdM_2SyaLrG_AfRY0hFzF9SnObHfvqGFzWETtoQNAI-SyY0r5cdeqGZuhwY_S"
    "cV5z8pbSrEv2KQBpkbqKXZ8OyL66Z79xzkYN2jhEFhp5cbXZj3FIlwFAryjnDZs8CWF2ZTAuOS4xY2F0dIOjYm5ioW"
    "RibG9iomRzaXplA2ZkaWdlc3RDEiAJY2Nhbm5zcGFjZS9ibG9iL2FkZGR3aXRoeDhkaWQ6a2V5Ono2TWtvbjNOZWNk"
    "Nk5ra3lmb0dvSHhpZDJ6bkdjNTlMVTNLN211YmFSY0ZiTGZMWKJjY2Fub3NwYWNlL2luZGV4L2FkZGR3aXRoeDhkaW"
    "Q6a2V5Ono2TWtvbjNOZWNkNk5ra3lmb0dvSHhpZDJ6bkdjNTlMVTNLN211YmFSY0ZiTGZMWKJjY2FuanVwbG9hZC9h"
    "ZGRkd2l0aHg4ZGlkOmtleTp6Nk1rb24zTmVjZDZOa2t5Zm9Hb0h4aWQyem5HYzU5TFUzSzdtdWJhUmNGYkxmTFhjYX"
    "VkWCLtAYbrLaIi7zbowZNDBUw03FIyaquXZgmpr7ucstvIidTYY2V4cPZjaXNzWCLtAYE5dw6ofRdfVqNUZsNMfszL"
    "jYqRtO43ol32D1uPybOUY25iZhkD6GNwcmaB2CpYJQABcRIghSLMK72N34LzKDVYvccT9xrHe2HAXjTbYiCTeH_bHr"
    "RZAXESIBSM53ge061GFLD-sdosIeC39cbJfThPWFhLsQjZLUvjoWp1Y2FuQDAuOS4x2CpYJQABcRIgpU7NCMZCOWUe"
    "ucd0z_ZLJousb8B9FjSEXMX1Kc5sd-8";
constexpr const char* kSpace =
    "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";
constexpr const char* kMiddle =
    "did:key:z6Mko9hTggMwjSTEaJaPUfE6tqcy2xvU6BnNq3e3o8qVBiyH";
constexpr const char* kAgent =
    "did:key:z6MkoXvfoXhieNQQRi1spUKGXiCtZYYRWGYnzHSv38d8zYyu";
constexpr const char* kLeaf =
    "bafyreiffj3gqrrschfsr5oohoth7mszgrowg7qd5cy2iixgf6uu443dx54";
constexpr const char* kTop =
    "bafyreiefelgcxpmn36bpgkbvlc64oe7xdldxwyoaly2nwyrasn4h7wy6wq";
constexpr const char* kInvocation =
    "bafyreibshq5zxiqra4zn4ifbnnqtnhliloukqbsp4rwf25z5o27ycagziq";
constexpr const char* kReceipt =
    "bafyreiggg32vrk3tpepufhbv2g7jl32rsnugnmv3f6zqhco454exega2c4";
constexpr const char* kOwnReceipt =
    "bafyreiauohrhmwcmop2vhwt2jmvz7qqtjtxxbirbyrxmlp77zpdeqvwaji";
constexpr const char* kService =
    "did:key:z6MkvRXNYcE7MMduynWTgeKbDaT1iijDSC8pZqXZc8rHPrf2";
constexpr const char* kMessage =
    "OqJlcm9vdHOB2CpYJQABcRIgW+86JlotBj0+vWL6OOYnndcaMm0QIxDicGfITJfSR6ZndmVyc2lvbgGkAgFxEiDGNv"
    "VYq3N5H0KcNdG+le9Rk2hmsrsvswOJ3O8JchgaF6Jjb2NtpmJmeKFkZm9ya4HYKlglAAFxEiCFIswrvY3fgvMoNVi9"
    "xxP3Gsd7YcBeNNtiIJN4f9setGNpc3N0ZGlkOndlYjp0ZXN0LmV4YW1wbGVjb3V0oWVlcnJvcqJkbmFtZWRCb29tZ2"
    "1lc3NhZ2VtaXQgd2VudAp3cm9uZ2NwcmaAY3JhbtgqWCUAAXESIDI8O5uiEQcy3iCha2E2nWhbqKgGT+RsXXc9dr+B"
    "ANlEZG1ldGGgY3NpZ1hE7aEDQO4Vwms2KQ9zqg49m1kVYqHmt8jVDU9iSkXIOiCiUQiYRNtSZi2b+jvuNJMBo9WNBo"
    "voXgWgwGPF1rxZ8YYsdgSpAQFxEiBb7zomWi0GPT69Yvo45ied1xoybRAjEOJwZ8hMl9JHpqF0dWNhbnRvL21lc3Nh"
    "Z2VANy4wLjChZnJlcG9ydKF4O2JhZnlyZWlic2hxNXp4aXFyYTR6bjRpZmJubnF0bmhsaWxvdWtxYnNwNHJ3ZjI1ej"
    "VvMjd5Y2Fnemlx2CpYJQABcRIgxjb1WKtzeR9CnDXRvpXvUZNoZrK7L7MDidzvCXIYGhc=";

const std::vector<std::string> kAbilities{"space/blob/add", "space/index/add", "upload/add"};

Ed25519Key KeyOf(char fill) { return Ed25519Key::FromSeed(std::string(32, fill)); }
Did DidOf(char fill) { return Did::OfKey(KeyOf(fill).public_key()); }
Time At(int64_t seconds) { return Time(std::chrono::seconds(seconds)); }
Token TheToken() { return *ReadToken(Secret(kToken)); }

// A token of delegations that are made here: each from the one before it, the first from the space.
struct Link {
  char from, to;
  std::string can = "*";
  std::optional<int64_t> expires = {};
};
Token MakeToken(const std::vector<Link>& links) {
  Blocks blocks;
  std::vector<Cid> proofs;
  Cid last;
  for (const Link& link : links) {
    Wish wish{DidOf(link.to), {link.can, DidOf(1).text(), {}}, proofs, link.expires, "", {}};
    auto [cid, block] = *IssueUcan(KeyOf(link.from), wish);
    blocks.emplace(cid, block);
    proofs = {last = cid};
  }
  return {KeyOf(links.back().to), *ReadUcan(last, blocks.at(last)), blocks};
}
Status Check(const Token& token, int64_t now = 2000) {
  return CheckToken(token, DidOf(1).text(), kAbilities, At(now)).status();
}

TEST(Did, TextAndBytes) {
  for (const char* text : {kSpace, "did:web:up.storacha.network", "did:mailto:example.com:me"}) {
    Result<Did> did = Did::Parse(text);
    ASSERT_TRUE(did.ok()) << text;
    EXPECT_EQ(did->text(), text);
    EXPECT_EQ(Did::FromBytes(did->bytes())->text(), text);
  }
  EXPECT_EQ(Did::Parse(kSpace)->public_key(), KeyOf(1).public_key());
  EXPECT_EQ(Did::Parse("did:web:a.b")->public_key(), "");
  for (const char* text : {"", "did:", "key:z6Mk", "did:key:", "did:key:z", "did:key:z0OIl",
                           "did:key:z6Mkon3Necd6Nk", "did:web:a b", "did:web:\n"})
    EXPECT_EQ(Did::Parse(text).code(), Code::kInvalid) << text;
}

TEST(DagJson, IsWrittenOneWay) {
  Value value(Map{{"b", Value(ipld::List{1, true, nullptr, "\"\\\n\x01/\xc3\xa9"})},
                  {"a", ipld::Bytes{"\xfb\xff\x01"}},
                  {"aa", Cid::Of(ipld::kRaw, "")}});
  EXPECT_EQ(*WriteDagJson(value),
            R"({"a":{"/":{"bytes":"+/8B"}},"aa":{"/":")" + Cid::Of(ipld::kRaw, "").Text() +
                "\"},\"b\":[1,true,null,\"\\\"\\\\\\n\\u0001/\xc3\xa9\"]}");
  EXPECT_FALSE(WriteDagJson(1.5).ok());
  EXPECT_FALSE(WriteDagJson(Map{{"a", 1}, {"a", 2}}).ok());
}

TEST(Ucan, ThoseOfTheNetworkAreReadAndTheirSignaturesHold) {
  Token token = TheToken();
  EXPECT_EQ(token.blocks.size(), 2u);
  EXPECT_EQ(token.delegation.cid.Text(), kLeaf);
  EXPECT_EQ(token.delegation.issuer.text(), kMiddle);
  EXPECT_EQ(token.delegation.audience.text(), kAgent);
  EXPECT_EQ(token.delegation.begins, 1000);
  EXPECT_EQ(token.delegation.expires, std::nullopt);
  EXPECT_EQ(SignatureOf(token.delegation), Signature::kRight);
  Cid top = *Cid::Parse(kTop);
  Result<Ucan> ucan = ReadUcan(top, token.blocks.at(top));
  ASSERT_TRUE(ucan.ok()) << ucan.status().ToString();
  EXPECT_EQ(SignatureOf(*ucan), Signature::kRight);
  ucan->signed_text.back() ^= 1;
  EXPECT_EQ(SignatureOf(*ucan), Signature::kWrong);
}

TEST(Ucan, OursAreThoseOfTheNetwork) {
  Wish wish;
  wish.audience = *Did::Parse("did:web:test.example");
  wish.capability = {"upload/add", kSpace, Map{{"root", *Cid::Parse(kLeaf)}}};
  wish.proofs = {*Cid::Parse(kLeaf)};
  wish.expires = 4000000000;
  wish.nonce = "x";
  auto [cid, block] = *IssueUcan(TheToken().agent, wish);
  EXPECT_EQ(cid.Text(), kInvocation);
  EXPECT_EQ(SignatureOf(*ReadUcan(cid, block)), Signature::kRight);
}

TEST(Ucan, WhatIsNone) {
  Token token = TheToken();
  std::string block = token.blocks.at(token.delegation.cid);
  Value good = *ipld::ReadDagCbor(block);
  for (const char* key : {"v", "iss", "aud", "att", "prf", "exp", "s"}) {
    for (bool drop : {true, false}) {
      Map map = *good.As<Map>();
      std::erase_if(map, [&](const auto& entry) { return entry.first == key; });
      if (!drop) map.emplace_back(key, Map{});
      std::string bytes = *ipld::WriteDagCbor(Value(map));
      EXPECT_EQ(ReadUcan(Cid::Of(ipld::kDagCbor, bytes), bytes).code(), Code::kInvalid) << key;
    }
  }
  EXPECT_FALSE(ReadUcan(Cid::Of(ipld::kRaw, block), block).ok());
}

TEST(Receipt, ThoseOfTheNetworkAreReadAndTheirSignaturesHold) {
  Result<Message> message = ReadMessage(*FromBase64(kMessage));
  ASSERT_TRUE(message.ok()) << message.status().ToString();
  Cid cid = message->report.at(*Cid::Parse(kInvocation));
  EXPECT_EQ(cid.Text(), kReceipt);
  Result<Receipt> receipt = ReadReceipt(cid, message->blocks.at(cid));
  ASSERT_TRUE(receipt.ok()) << receipt.status().ToString();
  EXPECT_FALSE(receipt->ok);
  EXPECT_EQ(receipt->error_name, "Boom");
  EXPECT_EQ(ShownText(receipt->error_message), "it went wrong");
  EXPECT_EQ(receipt->issuer.text(), "did:web:test.example");
  ASSERT_EQ(receipt->forks.size(), 1u);
  EXPECT_EQ(receipt->forks[0].Text(), kTop);
  EXPECT_TRUE(IsSignedBy(*receipt, Did::Parse(kService)->public_key()));
  EXPECT_FALSE(IsSignedBy(*receipt, KeyOf(1).public_key()));
  receipt->signed_bytes.back() ^= 1;
  EXPECT_FALSE(IsSignedBy(*receipt, Did::Parse(kService)->public_key()));
}

TEST(Receipt, OursAreThoseOfTheNetwork) {
  auto [cid, block] = *IssueReceipt(KeyOf(4), *Cid::Parse(kInvocation));
  EXPECT_EQ(cid.Text(), kOwnReceipt);
  EXPECT_TRUE(IsSignedBy(*ReadReceipt(cid, block), KeyOf(4).public_key()));
}

TEST(Message, NoByteOfItCanBeAnother) {
  std::string good = *FromBase64(kMessage);
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x11);
    Result<Message> message = ReadMessage(bad);
    if (!message.ok()) continue;
    // What the header says, but the root, is of no account.
    EXPECT_EQ(message->report.at(*Cid::Parse(kInvocation)).Text(), kReceipt) << i;
  }
  EXPECT_FALSE(ReadMessage(good.substr(0, good.size() - 1)).ok());
  EXPECT_FALSE(ReadMessage(good, {.bytes = 100}).ok());
  EXPECT_FALSE(ReadMessage(good, {.blocks = 1}).ok());
}

TEST(Token, WhatIsNoneIsNotShown) {
  std::string good = kToken;
  size_t colon = good.find(':');
  std::string longer = good + "AAAA";
  for (const std::string& text :
       {std::string(), std::string("hunter2"), good.substr(0, colon), good.substr(colon),
        good.substr(0, colon + 1), good.substr(1), good.substr(0, good.size() - 9), longer,
        std::string(2 << 20, 'u')}) {
    Result<Token> token = ReadToken(Secret(text));
    ASSERT_EQ(token.code(), Code::kInvalid) << text;
    EXPECT_EQ(token.status().ToString().find("hunter"), std::string::npos);
    EXPECT_EQ(token.status().ToString().find("OqJlcm9v"), std::string::npos);
    EXPECT_NE(token.status().hint(), "");
  }
  EXPECT_TRUE(ReadToken(Secret(" " + good + "\n")).ok());
}

TEST(Token, ThatOfTheNetworkAllowsAnUpload) {
  Result<Grant> grant = CheckToken(TheToken(), "", kAbilities, At(2000));
  ASSERT_TRUE(grant.ok()) << grant.status().ToString();
  EXPECT_EQ(grant->space, kSpace);
  EXPECT_EQ(grant->expires, 4000000000);
  EXPECT_EQ(CheckToken(TheToken(), "", kAbilities, At(4000000001)).status().message(),
            "the delegation ended at 2096-10-02T07:06:40Z");
  EXPECT_EQ(CheckToken(TheToken(), "", kAbilities, At(500)).status().message(),
            "the delegation begins at 1970-01-01T00:16:40Z");
  EXPECT_EQ(CheckToken(TheToken(), "", {"upload/remove"}, At(2000)).status().message(),
            std::string("the delegation does not allow upload/remove in the space ") + kSpace);
  EXPECT_EQ(CheckToken(TheToken(), kMiddle, kAbilities, At(2000)).status().message(),
            std::string("the delegation is of another space, ") + kSpace + ", not of " + kMiddle);
}

TEST(Token, AChainIsFollowedToTheSpace) {
  EXPECT_TRUE(Check(MakeToken({{1, 2}})).ok());
  EXPECT_TRUE(Check(MakeToken({{1, 2}, {2, 3}, {3, 4}})).ok());
  // Nobody can give on what he has not.
  EXPECT_FALSE(Check(MakeToken({{1, 2, "upload/*"}, {2, 3}})).ok());
  EXPECT_FALSE(Check(MakeToken({{1, 2}, {3, 4}})).ok());
  EXPECT_FALSE(Check(MakeToken({{2, 3}})).ok());
  EXPECT_FALSE(Check(MakeToken({{1, 2, "*", 1999}, {2, 3}})).ok());
  EXPECT_TRUE(Check(MakeToken({{1, 2, "*", 2001}, {2, 3}})).ok());
}

TEST(Token, APartThatIsMissingOrForgedIsTold) {
  Token token = MakeToken({{1, 2}, {2, 3}});
  Token missing = token;
  missing.blocks.erase(missing.delegation.proofs[0]);
  EXPECT_NE(Check(missing).message().find("a part of the delegation is missing"),
            std::string::npos);
  Token other = token;
  other.agent = KeyOf(4);
  EXPECT_NE(Check(other).message().find("do not belong together"), std::string::npos);
  Token forged = token;
  forged.delegation.signature.back() ^= 1;
  EXPECT_NE(Check(forged).message().find("a signature in the delegation is wrong"),
            std::string::npos);
}

TEST(Keys, OfTextThereAndBack) {
  // https://w3c-ccg.github.io/did-key-spec/#ed25519-x25519
  std::string text = "did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
  Result<Did> did = Did::ParseKey(text);
  ASSERT_TRUE(did.ok());
  EXPECT_EQ(Did::OfKey(did->public_key()).text(), text);
  for (const char* bad : {"", "did:key:z6Mk", "did:web:example.com", "did:key:zQ3shokFTS3brHcD"})
    EXPECT_EQ(Did::ParseKey(bad).code(), Code::kInvalid) << bad;
  Ed25519Key key = Ed25519Key::FromSeed(std::string(32, '\x07'));
  std::string secret = SigningKeyText(key).Reveal();
  EXPECT_TRUE(secret.starts_with("Mg"));
  EXPECT_EQ(ParseSigningKey(Secret(secret))->public_key(), key.public_key());
  secret[40] = secret[40] == 'A' ? 'B' : 'A';
  EXPECT_EQ(ParseSigningKey(Secret(secret)).code(), Code::kInvalid);
}

}  // namespace
}  // namespace millrace::ucan
