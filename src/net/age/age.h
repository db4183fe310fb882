// Encryption in the age format, version 1 (https://age-encryption.org/v1), as the programs `age`
// and `rage` have it: to X25519 keys or with a passphrase (scrypt), in memory that does not grow
// with the size of what is encrypted. By OpenSSL.
//
//   Encryptor file = TRY(Encryptor::Begin({TRY(ParseRecipient("age1…"))}, put));
//   TRY(file.Write(bytes));
//   TRY(file.Finish());
//
// Not read: armored (PEM) files, and keys of plugins, of SSH and of hybrid kinds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "base/status.h"

namespace millrace::age {

inline constexpr size_t kChunk = size_t{64} << 10;  // bytes that are encrypted at once

// Who can read it: one of the two is set.
struct Recipient {
  std::string key;    // X25519, 32 bytes
  Secret passphrase;  // then it must be the only recipient
};
// "age1…". kInvalid does not repeat what was given: it may be the secret key by mistake.
Result<Recipient> ParseRecipient(std::string_view text);

// What opens it: one of the two is set.
struct Identity {
  Secret key;  // X25519, 32 bytes
  Secret passphrase;

  static Identity New();
  Secret Text() const;             // "AGE-SECRET-KEY-1…"
  std::string RecipientText() const;  // "age1…"
};
// "AGE-SECRET-KEY-1…". kInvalid does not repeat what was given.
Result<Identity> ParseIdentity(std::string_view text);
// A file as `age-keygen` writes it: one a line, empty ones and those that begin with # are passed
// over. kInvalid names the line.
Result<std::vector<Identity>> ParseIdentities(std::string_view text);

using Put = std::function<Status(std::string_view)>;

struct EncryptOptions {
  int work = 18;  // of scrypt: 2^work KiB of memory; 18, as `age` has it, takes about a second
};
struct DecryptOptions {
  int most_work = 20;  // a file that asks for more is refused: 20 takes 1 GiB
};
inline constexpr size_t kMaxHeader = size_t{64} << 10;  // bytes; the keys of 600 recipients
inline constexpr size_t kMaxRecipients = 500;

// Bytes of plaintext come by Write, those of the file go to `put` as they are made.
class Encryptor {
 public:
  // Puts the header. kInvalid: no recipient, a passphrase among others, a key that is none.
  static Result<Encryptor> Begin(const std::vector<Recipient>& recipients, Put put,
                                 EncryptOptions options = {});
  Encryptor(Encryptor&&) noexcept;
  ~Encryptor();

  Status Write(std::string_view plaintext);
  // Once. Without it the file is not whole, and is refused by whoever reads it.
  Status Finish();

 private:
  struct State;
  explicit Encryptor(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The other way. What was put is authentic, but only after Finish is it known to be all.
class Decryptor {
 public:
  Decryptor(std::vector<Identity> identities, Put put, DecryptOptions options = {});
  Decryptor(Decryptor&&) noexcept;
  ~Decryptor();

  // kInvalid: no age file, or one that was changed; kRejected: for none of the identities.
  Status Write(std::string_view ciphertext);
  Status Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The bytes of a file with this much plaintext, after its header.
int64_t PayloadSize(int64_t plaintext);

// File to file. `to` appears when it is whole; durable with `sync`. kCanceled within a second of a
// stop, unless a passphrase is being stretched.
Status EncryptFile(const std::string& from, const std::string& to,
                   const std::vector<Recipient>& recipients, bool sync, std::stop_token stop);
Status DecryptFile(const std::string& from, const std::string& to,
                   const std::vector<Identity>& identities, std::stop_token stop);

}  // namespace millrace::age
