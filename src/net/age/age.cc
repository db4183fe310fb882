#include "net/age/age.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/descriptor.h"
#include "base/text.h"
#include "net/age/bech32.h"
#include "net/age/header.h"
#include "net/age/primitives.h"
#include "net/ipld/part_file.h"

namespace millrace::age {

namespace {

constexpr std::string_view kRecipientPrefix = "age", kIdentityPrefix = "AGE-SECRET-KEY-";
constexpr size_t kMaxIdentities = 100;

// The payload's cipher: a counter of 11 bytes and a mark of the last chunk as nonce.
class ChunkCipher {
 public:
  ChunkCipher(const Key& file_key, std::string_view nonce)
      : cipher_(Hkdf(file_key.bytes(), nonce, "payload").bytes()) {}

  void Seal(std::string_view chunk, bool last, std::string& out) {
    cipher_.Seal(NextNonce(last), chunk, out);
  }
  bool Open(std::string_view chunk, bool last, std::string& out) {
    return cipher_.Open(NextNonce(last), chunk, out);
  }
  bool is_first() const { return count_ == 0; }

 private:
  std::string NextNonce(bool last) {
    std::string nonce(12, '\0');
    for (int i = 0; i < 8; ++i) nonce[10 - i] = static_cast<char>(count_ >> (8 * i));
    nonce[11] = last ? 1 : 0;
    ++count_;
    return nonce;
  }

  Aead cipher_;
  uint64_t count_ = 0;
};

Status CheckRecipients(const std::vector<Recipient>& recipients) {
  if (recipients.empty()) return Invalid("nobody could read it: there is no recipient");
  if (recipients.size() > kMaxRecipients)
    return Invalid("more than " + std::to_string(kMaxRecipients) + " recipients");
  for (const Recipient& recipient : recipients) {
    bool phrase = recipient.key.empty();
    if (phrase && recipient.passphrase.empty()) return Invalid("the passphrase is empty");
    if (phrase && recipients.size() > 1) return Invalid("a passphrase must be the only recipient");
  }
  return Status::Ok();
}

}  // namespace

Result<Recipient> ParseRecipient(std::string_view text) {
  std::optional<std::string> key = FromBech32(kRecipientPrefix, text);
  if (key && key->size() == kKeySize) return Recipient{.key = *std::move(key)};
  if (text.starts_with(kIdentityPrefix)) {
    return Invalid("a recipient is given by its secret key",
                   "give the public one: `age-keygen -y` prints it");
  }
  return Invalid("no age recipient", "it begins with age1: `age-keygen` prints it");
}

Identity Identity::New() { return {.key = Secret(RandomBytes(kKeySize))}; }
Secret Identity::Text() const { return Secret(ToBech32(kIdentityPrefix, key.Reveal())); }
std::string Identity::RecipientText() const {
  return ToBech32(kRecipientPrefix, X25519Public(key.Reveal()));
}

Result<Identity> ParseIdentity(std::string_view text) {
  std::optional<std::string> key = FromBech32(kIdentityPrefix, text);
  if (key && key->size() == kKeySize) return Identity{.key = Secret(*std::move(key))};
  return Invalid("no age identity", "it begins with AGE-SECRET-KEY-1: `age-keygen` makes one");
}

Result<std::vector<Identity>> ParseIdentities(std::string_view text) {
  std::vector<Identity> identities;
  int number = 0;
  for (const std::string& line : Split(text, '\n')) {
    ++number;
    std::string_view trimmed = Trim(line);
    if (trimmed.empty() || trimmed.starts_with('#')) continue;
    Result<Identity> identity = ParseIdentity(trimmed);
    if (!identity.ok()) return identity.status().In("line " + std::to_string(number));
    if (identities.size() == kMaxIdentities) return Invalid("more than 100 identities");
    identities.push_back(*std::move(identity));
  }
  if (identities.empty()) return Invalid("no identity is in it", "`age-keygen` writes such a file");
  return identities;
}

int64_t PayloadSize(int64_t plaintext) {
  constexpr auto kSize = static_cast<int64_t>(kChunk);
  int64_t chunks = std::max<int64_t>(1, (plaintext + kSize - 1) / kSize);
  return static_cast<int64_t>(kNonceSize) + plaintext + chunks * static_cast<int64_t>(kTagSize);
}

struct Encryptor::State {
  State(const Key& file_key, std::string_view nonce, Put put)
      : cipher(file_key, nonce), put(std::move(put)) {}

  Status Seal(bool last) {
    cipher.Seal(pending, last, sealed);
    pending.clear();
    return put(sealed);
  }

  ChunkCipher cipher;
  Put put;
  std::string pending, sealed;  // less than a chunk, or one that may be the last
};

Encryptor::Encryptor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Encryptor::Encryptor(Encryptor&&) noexcept = default;
Encryptor::~Encryptor() = default;

Result<Encryptor> Encryptor::Begin(const std::vector<Recipient>& recipients, Put put,
                                   EncryptOptions options) {
  TRY(CheckRecipients(recipients));
  Key file_key(RandomBytes(kFileKeySize));
  std::vector<Stanza> stanzas;
  for (const Recipient& recipient : recipients)
    stanzas.push_back(TRY(Wrap(file_key, recipient, options.work)));
  std::string nonce = RandomBytes(kNonceSize);
  TRY(put(WriteHeader(stanzas, file_key)));
  TRY(put(nonce));
  return Encryptor(std::make_unique<State>(file_key, nonce, std::move(put)));
}

Status Encryptor::Write(std::string_view plaintext) {
  std::string& pending = state_->pending;
  while (!plaintext.empty()) {
    if (pending.size() == kChunk) TRY(state_->Seal(false));
    size_t count = std::min(kChunk - pending.size(), plaintext.size());
    pending.append(plaintext.substr(0, count));
    plaintext.remove_prefix(count);
  }
  return Status::Ok();
}

Status Encryptor::Finish() { return state_->Seal(true); }

struct Decryptor::State {
  // Reads as much of the head as is there; false: more of it is to come.
  Result<bool> Begin() {
    std::optional<Header> header = TRY(ReadHeader(pending));
    if (!header) return false;
    if (pending.size() < header->size + kNonceSize) return false;
    Key file_key = TRY(Unwrap(*header, identities, options.most_work));
    cipher.emplace(file_key, std::string_view(pending).substr(header->size, kNonceSize));
    pending.erase(0, header->size + kNonceSize);
    return true;
  }

  Status Open(std::string_view chunk, bool last) {
    if (last && chunk.size() <= kTagSize && !cipher->is_first())
      return Invalid("the age file is broken: its last chunk is empty");
    if (!cipher->Open(chunk, last, opened))
      return Invalid("the age file is broken: it was changed, or its end is missing");
    return opened.empty() ? Status::Ok() : put(opened);
  }

  std::vector<Identity> identities;
  Put put;
  DecryptOptions options;
  std::optional<ChunkCipher> cipher;  // once the header is read
  std::string pending, opened;
};

Decryptor::Decryptor(std::vector<Identity> identities, Put put, DecryptOptions options)
    : state_(new State{std::move(identities), std::move(put), options, {}, {}, {}}) {}
Decryptor::Decryptor(Decryptor&&) noexcept = default;
Decryptor::~Decryptor() = default;

Status Decryptor::Write(std::string_view ciphertext) {
  constexpr size_t kSealed = kChunk + kTagSize;
  while (!ciphertext.empty()) {
    // What came is taken in pieces: what is held is never more than two chunks.
    std::string_view piece = ciphertext.substr(0, kSealed);
    ciphertext.remove_prefix(piece.size());
    state_->pending += piece;
    if (!state_->cipher && !TRY(state_->Begin())) continue;
    std::string_view held = state_->pending;
    for (; held.size() > kSealed; held.remove_prefix(kSealed))  // another one follows: not the last
      TRY(state_->Open(held.substr(0, kSealed), false));
    state_->pending.erase(0, state_->pending.size() - held.size());
  }
  return Status::Ok();
}

Status Decryptor::Finish() {
  if (state_->cipher) return state_->Open(state_->pending, true);
  if (state_->pending.empty()) return Invalid("this is no file in the age format: it is empty");
  return Invalid("the age file is broken: it ends in its header");
}

namespace {

// All bytes of the file, then the end.
template <class Write>
Status ReadAll(const std::string& path, std::stop_token stop, const Write& write) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FromErrno("cannot read " + path, errno);
  std::string buffer(16 * kChunk, '\0');
  for (;;) {
    if (stop.stop_requested()) return Canceled();
    ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FromErrno("cannot read " + path, errno);
    if (count == 0) return Status::Ok();
    TRY(write(std::string_view(buffer).substr(0, static_cast<size_t>(count))));
  }
}

}  // namespace

Status EncryptFile(const std::string& from, const std::string& to,
                   const std::vector<Recipient>& recipients, bool sync, std::stop_token stop) {
  auto out = TRY(ipld::PartFile::Create(to));
  Encryptor encryptor = TRY(Encryptor::Begin(
      recipients, [&out](std::string_view bytes) { return out->Append(bytes); }));
  TRY(ReadAll(from, stop, [&](std::string_view bytes) { return encryptor.Write(bytes); }));
  TRY(encryptor.Finish());
  return out->Commit(to, sync);
}

Status DecryptFile(const std::string& from, const std::string& to,
                   const std::vector<Identity>& identities, std::stop_token stop) {
  auto out = TRY(ipld::PartFile::Create(to));
  Decryptor decryptor(identities,
                      [&out](std::string_view bytes) { return out->Append(bytes); });
  Status status =
      ReadAll(from, stop, [&](std::string_view bytes) { return decryptor.Write(bytes); });
  if (status.ok()) status = decryptor.Finish();
  if (!status.ok()) return status.In(from);
  return out->Commit(to, false);
}

}  // namespace millrace::age
