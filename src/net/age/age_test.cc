#include "net/age/age.h"

#include <gtest/gtest.h>

#include "net/age/bech32.h"
#include "net/age/header.h"

namespace millrace::age {
namespace {

// Made by `age-keygen` of another program.
constexpr const char* kIdentityText =
    "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
constexpr const char* kRecipientText =
    "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

Recipient To(const Identity& identity) { return *ParseRecipient(identity.RecipientText()); }

std::string Encrypt(std::string_view plaintext, const std::vector<Recipient>& recipients) {
  std::string file;
  Encryptor encryptor = *Encryptor::Begin(
      recipients, [&](std::string_view bytes) { return file += bytes, Status::Ok(); },
      {.work = 4});
  for (size_t at = 0; at < plaintext.size(); at += 10'007)
    EXPECT_TRUE(encryptor.Write(plaintext.substr(at, 10'007)).ok());
  EXPECT_TRUE(encryptor.Finish().ok());
  return file;
}

Result<std::string> Decrypt(std::string_view file, const std::vector<Identity>& identities,
                            size_t piece = 8191) {
  std::string plaintext;
  Decryptor decryptor(identities,
                      [&](std::string_view bytes) { return plaintext += bytes, Status::Ok(); });
  for (size_t at = 0; at < file.size(); at += piece) TRY(decryptor.Write(file.substr(at, piece)));
  TRY(decryptor.Finish());
  return plaintext;
}

std::string Bytes(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += static_cast<char>(i * 131 + (i >> 8));
  return bytes;
}

TEST(Bech32, KnowsAKeyOfAnotherProgram) {
  Result<Identity> identity = ParseIdentity(kIdentityText);
  ASSERT_TRUE(identity.ok()) << identity.status().ToString();
  EXPECT_EQ(identity->key.Reveal(), std::string(32, '\x42'));
  EXPECT_EQ(identity->Text().Reveal(), kIdentityText);
  EXPECT_EQ(identity->RecipientText(), kRecipientText);
}

TEST(Bech32, RefusesEveryOtherLetter) {
  const std::string text = kRecipientText;
  for (size_t at = 0; at < text.size(); ++at) {
    std::string other = text;
    other[at] = other[at] == 'q' ? 'p' : 'q';
    EXPECT_FALSE(ParseRecipient(other).ok()) << at;
    other[at] = static_cast<char>(text[at] - 'a' + 'A');
    EXPECT_FALSE(ParseRecipient(other).ok()) << at;
    EXPECT_FALSE(ParseRecipient(text.substr(0, at)).ok()) << at;
  }
  EXPECT_FALSE(FromBech32("age", "age1qqqqqq").has_value());
}

TEST(Age, OpensWhatItSealed) {
  Identity one = Identity::New(), other = Identity::New();
  for (size_t size : {size_t{0}, size_t{1}, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk,
                      5 * kChunk + 77}) {
    std::string plaintext = Bytes(size), file = Encrypt(plaintext, {To(other), To(one)});
    Result<std::optional<Header>> header = ReadHeader(file);
    ASSERT_TRUE(header.ok() && *header);
    EXPECT_EQ(static_cast<int64_t>(file.size() - (*header)->size),
              PayloadSize(static_cast<int64_t>(size)));
    for (size_t piece : {size_t{7919}, kChunk + 16, size_t{1} << 20}) {
      Result<std::string> opened = Decrypt(file, {one}, piece);
      ASSERT_TRUE(opened.ok()) << opened.status().ToString();
      EXPECT_TRUE(*opened == plaintext) << size;
    }
    EXPECT_EQ(Decrypt(file, {Identity::New()}).code(), Code::kRejected);
  }
  std::string small = Encrypt("hello", {To(one)});
  EXPECT_EQ(Decrypt(small, {one}, 1).value(), "hello");
  EXPECT_NE(small, Encrypt("hello", {To(one)}));
}

TEST(Age, OpensByPassphrase) {
  std::string file = Encrypt("hello", {{.passphrase = Secret("horse battery")}});
  EXPECT_EQ(Decrypt(file, {{.passphrase = Secret("horse battery")}}).value(), "hello");
  EXPECT_EQ(Decrypt(file, {{.passphrase = Secret("horse")}}).code(), Code::kRejected);
  EXPECT_EQ(Decrypt(file, {Identity::New()}).code(), Code::kRejected);
}

TEST(Age, RefusesWhatWasChanged) {
  Identity identity = Identity::New();
  std::string file = Encrypt("some words", {To(identity)});
  for (size_t at = 0; at < file.size(); ++at) {
    std::string other = file;
    other[at] = static_cast<char>(other[at] ^ 1);
    EXPECT_FALSE(Decrypt(other, {identity}).ok()) << at;
    EXPECT_FALSE(Decrypt(file.substr(0, at), {identity}).ok()) << at;
    EXPECT_FALSE(Decrypt(file + file.substr(0, at + 1), {identity}).ok()) << at;
  }
}

// The end of a chunk is not the end of the file, and chunks keep their order.
TEST(Age, RefusesChunksThatAreMissingOrMoved) {
  Identity identity = Identity::New();
  std::string file = Encrypt(Bytes(3 * kChunk), {To(identity)});
  size_t begin = (*ReadHeader(file))->size + kNonceSize, sealed = kChunk + kTagSize;
  ASSERT_EQ(file.size(), begin + 3 * sealed);
  EXPECT_FALSE(Decrypt(file.substr(0, begin + 2 * sealed), {identity}).ok());
  EXPECT_FALSE(Decrypt(file.substr(0, begin), {identity}).ok());
  std::string moved = file.substr(0, begin) + file.substr(begin + sealed, sealed) +
                      file.substr(begin, sealed) + file.substr(begin + 2 * sealed);
  EXPECT_FALSE(Decrypt(moved, {identity}).ok());
  EXPECT_FALSE(Decrypt(file.substr(0, begin) + file.substr(begin + sealed), {identity}).ok());
}

TEST(Age, RefusesHeadersThatMeanHarm) {
  const std::string version = "age-encryption.org/v1\n";
  const std::string mac = "--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
  const std::string body = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
  std::vector<Identity> any = {Identity::New(), {.passphrase = Secret("x")}};
  for (const std::string& header :
       {"age-encryption.org/v2\n" + mac, version + "-> \n" + body + mac,
        version + "-> X25519\n" + body + mac, version + "-> X25519 " + body + body + mac,
        version + "-> scrypt AAAAAAAAAAAAAAAAAAAAAA 63\n" + body + mac,
        version + "-> scrypt AAAAAAAAAAAAAAAAAAAAAA 018\n" + body + mac,
        version + "-> scrypt AAAAAAAAAAAAAAAAAAAAAA 4\n" + body +
            "-> scrypt AAAAAAAAAAAAAAAAAAAAAA 4\n" + body + mac,
        version + "-> a  b\n" + body + mac, version + "-> a\n" + body.substr(2) + mac,
        version + "stanza\n" + mac, std::string("-----BEGIN AGE ENCRYPTED FILE-----\n"),
        version + std::string(2 * kMaxHeader, 'x'), version + "-> " + std::string(100, 'x')}) {
    Status status = Decrypt(header + std::string(100, 'x'), any).status();
    EXPECT_EQ(status.code(), Code::kInvalid) << header.substr(0, 100);
  }
  // What another program put there for readers of a kind that is not known is passed over.
  std::string other = version + "-> ssh-ed25519 a b\n" + body + mac + std::string(40, 'x');
  EXPECT_EQ(Decrypt(other, any).code(), Code::kRejected);
}

TEST(Age, TellsWhatIsWrongWithRecipients) {
  EXPECT_FALSE(ParseRecipient("age1").ok());
  Status secret = ParseRecipient(kIdentityText).status();
  EXPECT_EQ(secret.ToString().find(std::string(kIdentityText).substr(20)), std::string::npos);
  auto begin = [](const std::vector<Recipient>& recipients) {
    return Encryptor::Begin(recipients, [](std::string_view) { return Status::Ok(); }).status();
  };
  Recipient phrase{.passphrase = Secret("x")};
  EXPECT_EQ(begin({}).code(), Code::kInvalid);
  EXPECT_EQ(begin({phrase, phrase}).code(), Code::kInvalid);
  EXPECT_EQ(begin({{.key = std::string(32, '\0')}}).code(), Code::kInvalid);
  EXPECT_FALSE(ParseIdentities("# nothing\n").ok());
  EXPECT_EQ(ParseIdentities("# mine\n\n" + std::string(kIdentityText) + "\n")->size(), 1u);
}

}  // namespace
}  // namespace millrace::age
