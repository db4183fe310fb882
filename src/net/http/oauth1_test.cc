#include "net/http/oauth1.h"

#include <gtest/gtest.h>

#include "net/http/url.h"

namespace millrace::http {
namespace {

std::string SignatureOf(const std::string& header) {
  size_t at = header.find("oauth_signature=\"");
  if (at == header.npos) return header;
  at += 17;
  return PercentDecode(header.substr(at, header.find('"', at) - at));
}

// RFC 5849, 3.4.1.1: parameters of the address, of a form and of the protocol, encoded and sorted.
TEST(OAuth1, BaseStringOfTheRfc) {
  Request request{.method = "POST",
                  .url = "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
                  .body = "c2&a3=2+q",
                  .content_type = "application/x-www-form-urlencoded"};
  auto base = OAuth1BaseString(request, {{"oauth_consumer_key", "9djdj82h48djs9d2"},
                                         {"oauth_token", "kkk9d7dh3k39sjv7"},
                                         {"oauth_signature_method", "HMAC-SHA1"},
                                         {"oauth_timestamp", "137131201"},
                                         {"oauth_nonce", "7d8f3e4a"}});
  ASSERT_TRUE(base.ok()) << base.status().ToString();
  EXPECT_EQ(*base,
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D"
            "%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce"
            "%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26"
            "oauth_token%3Dkkk9d7dh3k39sjv7");
}

OAuth1Keys Photos() {
  return {.consumer_key = "dpf43f3p2l4k3l03",
          .consumer_secret = Secret("kd94hf93k423kf44"),
          .token = "nnch734d00sl2jdk",
          .token_secret = Secret("pfkkdhi9sl3r4s00"),
          .realm = "Photos",
          .with_version = false};
}

// RFC 5849, 1.2.
TEST(OAuth1, SignatureOfTheRfc) {
  Request request{.url = "http://photos.example.net/photos?file=vacation.jpg&size=original"};
  auto header = OAuth1Header(Photos(), request, 137131202, "chapoH");
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(SignatureOf(*header), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
  EXPECT_TRUE(header->starts_with("OAuth realm=\"Photos\", oauth_consumer_key=")) << *header;
}

TEST(OAuth1, ParametersApartFromTheAddressCountTheSame) {
  Request request{.url = "http://photos.example.net/photos",
                  .query = {{"size", "original"}, {"file", "vacation.jpg"}}};
  auto header = OAuth1Header(Photos(), request, 137131202, "chapoH");
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(SignatureOf(*header), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
}

// The same request, signed by Python's hmac and hashlib.
TEST(OAuth1, HmacSha256) {
  Request request{.url = "http://photos.example.net/photos?file=vacation.jpg&size=original"};
  OAuth1Keys keys = Photos();
  keys.method = OAuth1Method::kHmacSha256;
  auto header = OAuth1Header(keys, request, 137131202, "chapoH");
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(SignatureOf(*header), "HtMwoX2zenlFjgGg/SNEoKEQmL7CzxYFEKzs7er044Y=");
}

// From the tests of the oauth-sign package, there from the documentation of a social network.
TEST(OAuth1, SignatureWithFurtherProtocolParameters) {
  Request request{.method = "POST",
                  .url = "https://api.twitter.com/oauth/access_token",
                  .query = {{"oauth_verifier", "pDNg57prOHapMbhv25RNf75lVRd6JDsni1AJJIDYoTY"}}};
  OAuth1Keys keys{.consumer_key = "GDdmIQH6jhtmLUypg82g",
                  .consumer_secret = Secret("MCD8BKwGdgPHvAuvgvz4EQpqDAtx89grbuNMRd7Eh98"),
                  .token = "8ldIZyxQeVrFZXFOZH5tAwj6vzJYuLQpl0WUEYtWc",
                  .token_secret = Secret("x6qpRnlEmW9JbQn4PQVVeVG8ZLPEx6A0TOebgwcuA")};
  auto header =
      OAuth1Header(keys, request, 1272323047, "9zWH6qe0qG7Lc1telCn7FhUbLyVdjEaL3MO5uHxn8");
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(SignatureOf(*header), "PUw/dHA4fnlJYM6RhXk5IU/0fCc=");
}

}  // namespace
}  // namespace millrace::http
