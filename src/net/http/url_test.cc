#include "net/http/url.h"

#include <gtest/gtest.h>

namespace millrace::http {
namespace {

TEST(Url, PartsAndOrigins) {
  auto url = ParseUrl("HTTPS://Example.com/a%20b?x=1#y");
  ASSERT_TRUE(url.ok()) << url.status().ToString();
  EXPECT_EQ(url->Origin(), "https://example.com:443");
  EXPECT_EQ(url->path, "/a%20b");
  EXPECT_EQ(url->query, "x=1");
  EXPECT_EQ(ParseUrl("http://[::1]:8080/")->Origin(), "http://[::1]:8080");
  EXPECT_FALSE(ParseUrl("ftp://example.com/x").ok());
  EXPECT_FALSE(ParseUrl("/api").ok());
  EXPECT_FALSE(ParseUrl("").ok());
  Status user = ParseUrl("https://me:hunter22@example.com/").status();
  EXPECT_FALSE(user.ok());
  EXPECT_EQ(user.ToString().find("hunter22"), std::string::npos) << user.ToString();
}

TEST(Url, EncodesAsRfc3986) {
  EXPECT_EQ(PercentEncode("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(PercentEncode("a b+c/ü&="), "a%20b%2Bc%2F%C3%BC%26%3D");
  EXPECT_EQ(PercentDecode("a+b%2Bc%zz%4"), "a b+c%zz%4");
  EXPECT_EQ(WithQuery("http://x/?a=1", {{"b", "2 3"}}), "http://x/?a=1&b=2%203");
  EXPECT_EQ(WithQuery("http://x/#top", {{"b", ""}}), "http://x/?b=");
}

TEST(Url, References) {
  EXPECT_EQ(*JoinUrl("http://x/a/b?c=1", "d?e=2"), "http://x/a/d?e=2");
  EXPECT_EQ(*JoinUrl("http://x/a/b?c=1", "?page=2"), "http://x/a/b?page=2");
  EXPECT_EQ(*JoinUrl("http://x/a/b", "//y/z"), "http://y/z");
  EXPECT_EQ(*JoinUrl("http://x/a/b", "https://y/z"), "https://y/z");
}

TEST(Url, ShownWithoutSecrets) {
  EXPECT_EQ(ShownUrl("https://x/a?page=1&api_key=abc&Token=d&k=e", {"k"}),
            "https://x/a?page=1&api_key=***&Token=***&k=***");
  EXPECT_EQ(ShownUrl("https://me:pass@x/a@b"), "https://***@x/a@b");
  EXPECT_EQ(ShownUrl("https://x/a?api_key"), "https://x/a?api_key");
  EXPECT_LE(ShownUrl("https://x/" + std::string(5000, 'a')).size(), 510u);
  EXPECT_EQ(WithoutQuery("https://x/a?k=1&b=2&k=3", {"k"}), "https://x/a?b=2");
  EXPECT_EQ(WithoutQuery("https://x/a?k=1", {"k"}), "https://x/a");
}

}  // namespace
}  // namespace millrace::http
