#include <gtest/gtest.h>

#include <limits>

#include "net/ipld/base_n.h"
#include "net/ipld/cid.h"
#include "net/ipld/dag_cbor.h"
#include "net/ipld/unixfs.h"
#include "net/ipld/varint.h"

namespace millrace::ipld {

namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

Status ReadOf(std::string_view hex) { return ReadDagCbor(FromHex(hex)).status(); }

constexpr char kEmptyFile[] = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku";
constexpr char kEmptyFolder0[] = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";

TEST(Varint, RoundTripAndOneFormOnly) {
  for (uint64_t value :
       {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{0x0202}, uint64_t{1} << 62}) {
    std::string bytes;
    AppendVarint(bytes, value);
    EXPECT_EQ(bytes.size(), VarintSize(value));
    std::string_view rest = bytes;
    EXPECT_EQ(*TakeVarint(rest), value);
    EXPECT_TRUE(rest.empty());
  }
  for (std::string hex : {"", "80", "8000", "ffffffffffffffffff01"}) {
    std::string bytes = FromHex(hex);
    std::string_view rest = bytes;
    EXPECT_FALSE(TakeVarint(rest).ok()) << hex;
  }
}

TEST(Cid, OfBytesAndBack) {
  Cid cid = Cid::Of(kRaw, "");
  EXPECT_EQ(cid.Text(), kEmptyFile);
  EXPECT_EQ(*Cid::Parse(kEmptyFile), cid);
  EXPECT_EQ(*Cid::FromBytes(cid.bytes()), cid);
  EXPECT_EQ(cid.bytes().size(), 36u);
  EXPECT_EQ(*Cid::Parse("z" + Base58(cid.bytes())), cid);
  EXPECT_TRUE(cid.Verify("").ok());
  EXPECT_EQ(cid.Verify("x").code(), Code::kRejected);
}

TEST(Cid, OfVersion0) {
  Cid cid = *Cid::Parse(kEmptyFolder0);
  EXPECT_EQ(cid.version(), 0);
  EXPECT_EQ(cid.codec(), kDagPb);
  EXPECT_EQ(cid.Text(), kEmptyFolder0);
  std::string folder = WriteDagPb({{}, WriteUnixFs({.type = UnixFsType::kFolder})});
  EXPECT_TRUE(cid.Verify(folder).ok());
}

TEST(Cid, WhatIsNone) {
  for (std::string text :
       {"", "b", "Qm", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvy", "BAFK", "z6Mkk",
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvykv"})
    EXPECT_EQ(Cid::Parse(text).code(), Code::kInvalid) << text;
  // A digest that claims to be long, a SHA-256 of 31 bytes, version 2, bytes after it.
  for (std::string hex : {"015512ff7f00", "0155121f00", "0255122000", "01550000ff"})
    EXPECT_FALSE(Cid::FromBytes(FromHex(hex)).ok()) << hex;
}

TEST(Base, ThereAndBack) {
  for (std::string bytes : {std::string(), std::string("\0\0a", 3), std::string("\xff\x01")}) {
    EXPECT_EQ(FromBase32(Base32(bytes)), bytes);
    EXPECT_EQ(FromBase58(Base58(bytes)), bytes);
  }
  EXPECT_EQ(Base58("Hello World!"), "2NEpo7TZRRrLZSi2U");
  EXPECT_EQ(Base32("foobar"), "mzxw6ytboi");
}

TEST(DagCbor, ValuesThereAndBack) {
  Cid cid = Cid::Of(kDagCbor, "x");
  Value value(Map{{"bb", List{1, -1, 23, 24, 255, 256, int64_t{1} << 40, INT64_MIN, INT64_MAX}},
                  {"a", Map{{"cid", cid}, {"bytes", Bytes{std::string("\0\xff", 2)}}}},
                  {"ccc", List{nullptr, true, false, 1.1, "grüße", ""}}});
  std::string bytes = *WriteDagCbor(value);
  Value back = *ReadDagCbor(bytes);
  EXPECT_EQ(*WriteDagCbor(back), bytes);
  EXPECT_EQ(*back.Find("a")->Find("cid")->As<Cid>(), cid);
  EXPECT_EQ(back.As<Map>()->at(0).first, "a");
  EXPECT_EQ((*LinksOfDagCbor(bytes)), std::vector<Cid>{cid});
}

TEST(DagCbor, FormsOfTheRfc) {
  EXPECT_EQ(*WriteDagCbor(100), FromHex("1864"));
  EXPECT_EQ(*WriteDagCbor(-1000), FromHex("3903e7"));
  EXPECT_EQ(*WriteDagCbor(int64_t{1000000000000}), FromHex("1b000000e8d4a51000"));
  EXPECT_EQ(*WriteDagCbor(1.1), FromHex("fb3ff199999999999a"));
  EXPECT_EQ(*WriteDagCbor(Map{{"b", 1}, {"aa", 2}, {"a", 3}}), FromHex("a3616103616201"
                                                                       "62616102"));
}

TEST(DagCbor, OtherFormsAreRefused) {
  for (std::string hex : {"",          // nothing
                          "1817",      // 23 in two bytes
                          "190064",    // 100 in three
                          "5f4101ff",  // indefinite
                          "8101ff",
                          "0101",            // bytes left over
                          "a2616201616101",  // keys out of order
                          "a2616101616102",  // a key twice
                          "a10101",          // a key that is a number
                          "61ff",            // no UTF-8
                          "c001",
                          "d82a4101",  // tag 0; a CID without its zero
                          "f93c00",
                          "fa3f800000",  // short floats
                          "fb7ff8000000000000",
                          "fb7ff0000000000000",
                          "f7",
                          "f818",
                          "1bffffffffffffffff",  // beyond int64
                          "5b7fffffffffffffff00",
                          "9bffffffffffffffff",
                          "bb00000000ffffffff"}) {
    EXPECT_EQ(ReadOf(hex).code(), Code::kInvalid) << hex;
  }
  EXPECT_NE(ReadOf("820118").message().find("at byte 3"), std::string::npos);
}

TEST(DagCbor, Limits) {
  EXPECT_TRUE(ReadDagCbor(std::string(63, '\x81') + "\x01").ok());
  EXPECT_FALSE(ReadDagCbor(std::string(100000, '\x81') + "\x01").ok());
  EXPECT_FALSE(ReadDagCbor(FromHex("83010203"), {.items = 3}).ok());
  EXPECT_FALSE(ReadDagCbor(FromHex("83010203"), {.bytes = 3}).ok());
  EXPECT_FALSE(WriteDagCbor(std::numeric_limits<double>::infinity()).ok());
  EXPECT_FALSE(WriteDagCbor(Map{{"a", 1}, {"a", 2}}).ok());
}

TEST(DagPb, NodesThereAndBack) {
  PbNode node{
      {{Cid::Of(kRaw, "x"), "name", 7}, {Cid::Of(kRaw, "y"), "", 0}},
      WriteUnixFs({.type = UnixFsType::kFile, .file_size = 300, .block_sizes = {100, 200}})};
  PbNode back = *ReadDagPb(WriteDagPb(node));
  ASSERT_EQ(back.links.size(), 2u);
  EXPECT_EQ(back.links[0].name, "name");
  EXPECT_EQ(back.links[0].tsize, 7u);
  UnixFs data = *ReadUnixFs(back.data);
  EXPECT_EQ(data.file_size, 300u);
  EXPECT_EQ(data.block_sizes, (std::vector<uint64_t>{100, 200}));
}

TEST(DagPb, WhatIsNone) {
  for (std::string hex : {"12", "0a05", "1200", "0a000a00", "1a00", "0801", "12020a00"})
    EXPECT_FALSE(ReadDagPb(FromHex(hex)).ok()) << hex;
  for (std::string hex : {"", "0806", "1801", "08021a00ff", "080222ff"})
    EXPECT_FALSE(ReadUnixFs(FromHex(hex)).ok()) << hex;
}

// Known values of the reference implementation.
TEST(Murmur3, KnownValues) {
  EXPECT_EQ(Murmur3(""), 0u);
  EXPECT_EQ(Murmur3("hello"), 0xcbd8a7b341bd9b02u);
  EXPECT_EQ(Murmur3("The quick brown fox jumps over the lazy dog"), 0xe34bbc7bbc071b6cu);
}

}  // namespace

}  // namespace millrace::ipld
