// The parts of the client that need no server.
#include <gtest/gtest.h>

#include <thread>

#include "net/s3/buffers.h"
#include "net/s3/core.h"
#include "net/s3/digest.h"
#include "net/s3/multipart.h"
#include "net/s3/xml.h"

namespace millrace::s3 {
namespace {

TEST(XmlTest, ReadsWhatServersSend) {
  Xml page = *ParseXml(
      "<?xml version=\"1.0\"?>\n<List xmlns=\"http://s3/\">\n  <Empty/>\n  <Key>a &amp; &lt;b&gt;"
      "</Key><Item><Key>1</Key></Item><Item><Key>2</Key></Item></List>");
  EXPECT_EQ(page.name, "List");
  EXPECT_EQ(page.Text("Key"), "a & <b>");
  EXPECT_NE(page.Find("Empty"), nullptr);
  EXPECT_EQ(page.children.size(), 4u);
  EXPECT_EQ(page.children[3].Text("Key"), "2");
  for (const char* bad : {"", "text", "<a>", "<a><b></a>", "<a>&unknown;</a>"}) {
    EXPECT_FALSE(ParseXml(bad).ok()) << bad;
  }
}

TEST(DigestTest, IsHexOrBase64) {
  std::string hex = Sha256Hex("abc");
  EXPECT_EQ(ToHex(Base64(FromHex(hex))), hex);
  for (const char* bad : {"", "YWJj", "not base64, but of that length, 44 characters=",
                          "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=-3"}) {
    EXPECT_EQ(ToHex(bad), "") << bad;
  }
}

TEST(XmlTest, EscapesNames) { EXPECT_EQ(EscapeXml("a<b>&\"\n"), "a&lt;b&gt;&amp;&quot;&#10;"); }

TEST(UriTest, EncodesAllButTheUnreserved) {
  EXPECT_EQ(UriEncode("a b/c+ü%~", true), "a%20b/c%2B%C3%BC%25~");
  EXPECT_EQ(UriEncode("a/b", false), "a%2Fb");
  EXPECT_EQ(UriDecode("a+b%2Bc%20%C3%BC%zz%"), "a b+c ü%zz%");
}

TEST(DigestTest, OfPartsIsThatOfTheirDigests) {
  EXPECT_EQ(Base64(FromHex(Sha256Hex(""))), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  EXPECT_EQ(FromHex("xyz"), "");
  PartsDigest parts;
  parts.Add(Sha256Hex("a"));
  parts.Add(Sha256Hex("b"));
  std::string both = FromHex(Sha256Hex("a")) + FromHex(Sha256Hex("b"));
  EXPECT_EQ(parts.Text(), Base64(FromHex(Sha256Hex(both))) + "-2");
}

TEST(PartSizeTest, KeepsPartsBelowTheirLimit) {
  constexpr int64_t kLeast = 8 << 20;
  EXPECT_EQ(PartSize(1, kLeast), kLeast);
  EXPECT_EQ(PartSize(kLeast * kMostParts, kLeast), kLeast);
  int64_t size = kLeast * kMostParts + 1;
  EXPECT_LE((size + PartSize(size, kLeast) - 1) / PartSize(size, kLeast), kMostParts);
}

TEST(BufferPoolTest, IsBoundedAndUsedAgain) {
  auto pool = std::make_shared<BufferPool>(10 << 20);
  auto one = pool->TryTake(6 << 20);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->size, size_t{6 << 20});
  EXPECT_FALSE(pool->TryTake(6 << 20));
  char* memory = one->data();
  one.reset();
  auto again = pool->TryTake(6 << 20);
  EXPECT_EQ(again->data(), memory);
  again.reset();
  EXPECT_TRUE(pool->TryTake(9 << 20)) << "what is kept gives way";
  EXPECT_EQ(pool->Take(11 << 20, {}).code(), Code::kExhausted);
}

TEST(BufferPoolTest, WaitsUntilStopped) {
  auto pool = std::make_shared<BufferPool>(1 << 20);
  auto all = pool->TryTake(1 << 20);
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(pool->Take(1, stop.get_token()).code(), Code::kCanceled);
  std::jthread giver([&] { all.reset(); });
  EXPECT_TRUE(pool->Take(1, {}).ok());
}

TEST(OptionsTest, AreChecked) {
  S3Options fine{.endpoint = "http://127.0.0.1:9000/", .credentials = S3Credentials::kAnonymous};
  EXPECT_EQ((*OpenS3(fine))->endpoint(), "http://127.0.0.1:9000");
  auto code = [&](auto change) {
    S3Options options = fine;
    change(options);
    return OpenS3(options).code();
  };
  EXPECT_EQ(code([](S3Options& o) { o.endpoint = "host:9000"; }), Code::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.part_size = 1 << 20; }), Code::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.memory_limit = o.part_size; }), Code::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.attempts = 0; }), Code::kInvalid);
  EXPECT_EQ(code([](S3Options& o) { o.credentials = S3Credentials::kStatic; }), Code::kInvalid);
}

TEST(CoreTest, FindsTheHostOfABucket) {
  S3Options aws{.region = "eu-west-1", .credentials = S3Credentials::kAnonymous};
  auto core = *Core::Open(aws);
  EXPECT_EQ(core->HostOf("b"), "b.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(core->PathOf("b", "k x"), "/k%20x");
  EXPECT_EQ(core->HostOf("with.dots"), "s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(core->PathOf("with.dots", "k"), "/with.dots/k");
  aws.endpoint = "https://minio.example:443";
  core = *Core::Open(aws);
  EXPECT_EQ(core->HostOf("b"), "minio.example");
  EXPECT_EQ(core->PathOf("b", ""), "/b");
  aws.path_style = false;
  EXPECT_EQ((*Core::Open(aws))->HostOf("b"), "b.minio.example");
}

}  // namespace
}  // namespace millrace::s3
