#include "base/ed25519.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

// https://www.rfc-editor.org/rfc/rfc8032#section-7.1, tests 1 and 3.
TEST(Ed25519, AgreesWithTheStandard) {
  struct Vector {
    const char *seed, *key, *message, *signature;
  };
  const Vector kVectors[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
       "f9b46bd25bf5f0595bbe24655141438e7a100b"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
       "4dc6594a7c15e9716ed28dc027beceea1ec40a"},
  };
  for (const Vector& vector : kVectors) {
    Ed25519Key key = Ed25519Key::FromSeed(FromHex(vector.seed));
    EXPECT_EQ(key.public_key(), FromHex(vector.key));
    EXPECT_EQ(key.Sign(FromHex(vector.message)), FromHex(vector.signature));
    EXPECT_TRUE(VerifyEd25519(key.public_key(), FromHex(vector.message),
                              FromHex(vector.signature)));
  }
}

TEST(Ed25519, AnotherMessageKeyOrSignatureIsRefused) {
  Ed25519Key key = Ed25519Key::New(), other = Ed25519Key::New();
  std::string signature = key.Sign("a message");
  EXPECT_TRUE(VerifyEd25519(key.public_key(), "a message", signature));
  EXPECT_FALSE(VerifyEd25519(key.public_key(), "a massage", signature));
  EXPECT_FALSE(VerifyEd25519(other.public_key(), "a message", signature));
  signature[7] ^= 1;
  EXPECT_FALSE(VerifyEd25519(key.public_key(), "a message", signature));
  EXPECT_FALSE(VerifyEd25519(key.public_key(), "a message", ""));
  EXPECT_FALSE(VerifyEd25519("", "a message", signature));
}

}  // namespace
}  // namespace millrace
