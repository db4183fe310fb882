// rooms: base
// files: src/net/ipld/part_file.cc src/net/ipld/direct_output.cc src/net/age/age.cc src/net/age/bech32.cc
// files: src/net/age/header.cc src/net/age/primitives.cc
//
// A file that says it is in the age format, for a key that is known. What was sealed and then
// changed is never opened as something else.
#include "net/age/age.h"

#include "net/age/header.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

constexpr age::DecryptOptions kOptions = {.most_work = 8};

std::vector<age::Identity> Identities() {
  return {{.key = Secret(std::string(32, '\x42'))}, {.passphrase = Secret("x")}};
}

Result<std::string> Decrypt(std::string_view file, size_t piece) {
  std::string plaintext;
  age::Decryptor decryptor(
      Identities(), [&](std::string_view bytes) { return plaintext += bytes, Status::Ok(); },
      kOptions);
  for (size_t at = 0; at < file.size(); at += piece) TRY(decryptor.Write(file.substr(at, piece)));
  TRY(decryptor.Finish());
  return plaintext;
}

std::string Encrypt(std::string_view plaintext) {
  std::string file;
  age::Recipient to = *age::ParseRecipient(Identities()[0].RecipientText());
  age::Encryptor encryptor = *age::Encryptor::Begin(
      {to}, [&](std::string_view bytes) { return file += bytes, Status::Ok(); });
  Must(encryptor.Write(plaintext).ok() && encryptor.Finish().ok(), "it can be sealed");
  return file;
}

void Check(std::string_view bytes) {
  Result<std::string> whole = Decrypt(bytes, bytes.size() + 1), pieces = Decrypt(bytes, 7);
  Must(whole.ok() == pieces.ok() && (!whole.ok() || *whole == *pieces), "however it comes");
  (void)age::ParseIdentities(bytes).ok();
  (void)age::ParseRecipient(bytes).ok();
  if (bytes.size() < 3) return;
  // The first three bytes say what is changed in a file that was sealed.
  std::string file = Encrypt(bytes.substr(3));
  Must(Decrypt(file, 1000).ok(), "what was sealed can be opened");
  size_t at = (static_cast<uint8_t>(bytes[0]) * 256u + static_cast<uint8_t>(bytes[1])) % file.size();
  if (bytes[2] == 0) return;
  file[at] = static_cast<char>(file[at] ^ bytes[2]);
  Must(!Decrypt(file, 1000).ok(), "what was changed is refused");
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
