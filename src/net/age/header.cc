#include "net/age/header.h"

#include <algorithm>
#include <utility>

#include "base/base64.h"
#include "base/text.h"

namespace millrace::age {

namespace {

constexpr std::string_view kVersionLine = "age-encryption.org/v1\n";
constexpr std::string_view kArmor = "-----BEGIN AGE ENCRYPTED FILE-----";
constexpr std::string_view kX25519 = "X25519", kScrypt = "scrypt";
constexpr std::string_view kX25519Label = "age-encryption.org/v1/X25519";
constexpr std::string_view kScryptLabel = "age-encryption.org/v1/scrypt";
constexpr size_t kColumns = 64;
const std::string kZeroNonce(12, '\0');

// Without padding.
std::string Text64(std::string_view bytes) {
  std::string text = Base64(bytes);
  while (text.ends_with('=')) text.pop_back();
  return text;
}

// nullopt, too, when it is not the one way to write these bytes.
std::optional<std::string> Bytes64(std::string_view text) {
  std::string padded(text);
  while (padded.size() % 4 != 0) padded += '=';
  std::optional<std::string> bytes = FromBase64(padded);
  if (!bytes || Text64(*bytes) != text) return std::nullopt;
  return bytes;
}

Status Broken(const std::string& what) { return Invalid("the age header is broken: " + what); }

// Lines of the header, as far as they are there.
class Lines {
 public:
  explicit Lines(std::string_view bytes) : bytes_(bytes) {}
  // nullopt: the line goes on behind the bytes.
  std::optional<std::string_view> Next() {
    size_t end = bytes_.find('\n', at_);
    if (end == bytes_.npos) return std::nullopt;
    std::string_view line = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }
  size_t at() const { return at_; }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

Result<std::vector<std::string>> WordsOf(std::string_view line) {
  std::vector<std::string> words = Split(line, ' ');
  for (const std::string& word : words) {
    bool printable = std::ranges::all_of(word, [](char c) { return c > 32 && c < 127; });
    if (word.empty() || !printable) return Broken("a recipient's line");
  }
  return words;
}

// nullopt: it goes on behind the bytes.
Result<std::optional<std::string>> ReadBody(Lines& lines) {
  std::string text;
  for (;;) {
    std::optional<std::string_view> line = lines.Next();
    if (!line) return std::optional<std::string>();
    if (line->size() > kColumns) return Broken("a line of a key is longer than 64 characters");
    text += *line;
    if (line->size() < kColumns) break;
  }
  std::optional<std::string> body = Bytes64(text);
  if (!body) return Broken("a key is not Base64");
  return std::optional(*std::move(body));
}

Result<Stanza> WrapForKey(const Key& file_key, const std::string& recipient) {
  Key secret(RandomBytes(kKeySize));
  std::string share = X25519Public(secret.bytes());
  std::optional<Key> shared = X25519(secret.bytes(), recipient);
  if (!shared) return Invalid("a recipient's key is none", "take the age1… of `age-keygen`");
  Key key = Hkdf(shared->bytes(), share + recipient, kX25519Label);
  Stanza stanza{{std::string(kX25519), Text64(share)}, ""};
  Aead(key.bytes()).Seal(kZeroNonce, file_key.bytes(), stanza.body);
  return stanza;
}

Result<Stanza> WrapForPassphrase(const Key& file_key, const Secret& passphrase, int work) {
  std::string salt = RandomBytes(kNonceSize);
  std::optional<Key> key = Scrypt(passphrase.Reveal(), std::string(kScryptLabel) + salt, work);
  if (!key) return Status(Code::kExhausted, "no memory to stretch the passphrase");
  Stanza stanza{{std::string(kScrypt), Text64(salt), std::to_string(work)}, ""};
  Aead(key->bytes()).Seal(kZeroNonce, file_key.bytes(), stanza.body);
  return stanza;
}

constexpr size_t kWrappedSize = kFileKeySize + kTagSize;

std::optional<Key> Opened(const Key& key, const Stanza& stanza) {
  std::string file_key;
  if (!Aead(key.bytes()).Open(kZeroNonce, stanza.body, file_key)) return std::nullopt;
  return Key(std::move(file_key));
}

// nullopt: it is for another key.
Result<std::optional<Key>> UnwrapByKey(const Stanza& stanza, const std::string& secret,
                                       const std::string& recipient) {
  std::optional<std::string> share;
  if (stanza.words.size() == 2) share = Bytes64(stanza.words[1]);
  if (!share || share->size() != kKeySize || stanza.body.size() != kWrappedSize)
    return Broken("an X25519 recipient");
  std::optional<Key> shared = X25519(secret, *share);
  if (!shared) return Broken("an X25519 share of low order");
  return Opened(Hkdf(shared->bytes(), *share + recipient, kX25519Label), stanza);
}

Result<std::optional<Key>> UnwrapByPassphrase(const Stanza& stanza, const Secret& passphrase,
                                              int most_work) {
  std::optional<std::string> salt;
  if (stanza.words.size() == 3) salt = Bytes64(stanza.words[1]);
  if (!salt || salt->size() != kNonceSize || stanza.body.size() != kWrappedSize)
    return Broken("a scrypt recipient");
  const std::string& text = stanza.words[2];
  bool number = !text.empty() && text.size() <= 2 && text[0] != '0' &&
                std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!number) return Broken("the work of scrypt");
  int work = std::stoi(text);
  if (work > most_work) {
    return Invalid("the file asks for 2^" + text + " KiB of memory to open it; at most 2^" +
                   std::to_string(most_work) + " are given");
  }
  std::optional<Key> key =
      Scrypt(passphrase.Reveal(), std::string(kScryptLabel) + *salt, work);
  if (!key) return Status(Code::kExhausted, "no memory to stretch the passphrase");
  return Opened(*key, stanza);
}

}  // namespace

Result<std::optional<Header>> ReadHeader(std::string_view bytes) {
  auto more = [&]() -> Result<std::optional<Header>> {
    if (bytes.size() < kMaxHeader) return std::optional<Header>();
    return Broken("it is longer than " + std::to_string(kMaxHeader) + " bytes");
  };
  size_t compared = std::min(bytes.size(), kVersionLine.size());
  if (bytes.starts_with(kArmor.substr(0, compared)) && compared > 0)
    return Invalid("the file is armored, as text", "`age -d` opens it; only binary ones are read");
  if (bytes.substr(0, compared) != kVersionLine.substr(0, compared))
    return Invalid("this is no file in the age format, version 1");
  if (bytes.size() < kVersionLine.size()) return more();
  Lines lines(bytes.substr(0, kMaxHeader));
  lines.Next();
  Header header;
  for (;;) {
    size_t begin = lines.at();
    std::optional<std::string_view> line = lines.Next();
    if (!line) return more();
    if (line->starts_with("--- ")) {
      std::optional<std::string> mac = Bytes64(line->substr(4));
      if (!mac || mac->size() != 32) return Broken("its MAC");
      header.signed_text = bytes.substr(0, begin + 3);
      header.mac = *std::move(mac);
      header.size = lines.at();
      return std::optional(std::move(header));
    }
    if (!line->starts_with("-> ")) return Broken("a line that is neither a recipient nor the MAC");
    Stanza stanza{TRY(WordsOf(line->substr(3))), ""};
    std::optional<std::string> body = TRY(ReadBody(lines));
    if (!body) return more();
    stanza.body = *std::move(body);
    header.stanzas.push_back(std::move(stanza));
  }
}

std::string WriteHeader(const std::vector<Stanza>& stanzas, const Key& file_key) {
  std::string text(kVersionLine);
  for (const Stanza& stanza : stanzas) {
    text += "-> " + Join(stanza.words, " ") + "\n";
    std::string body = Text64(stanza.body);
    for (size_t at = 0; at <= body.size(); at += kColumns)
      text += body.substr(at, kColumns) + "\n";
  }
  text += "---";
  return text + " " + Text64(HmacSha256(Hkdf(file_key.bytes(), "", "header").bytes(), text)) + "\n";
}

Result<Stanza> Wrap(const Key& file_key, const Recipient& recipient, int work) {
  if (recipient.key.empty()) return WrapForPassphrase(file_key, recipient.passphrase, work);
  return WrapForKey(file_key, recipient.key);
}

Result<Key> Unwrap(const Header& header, const std::vector<Identity>& identities, int most_work) {
  bool by_passphrase = std::any_of(header.stanzas.begin(), header.stanzas.end(),
                                   [](const Stanza& each) { return each.words[0] == kScrypt; });
  if (by_passphrase && header.stanzas.size() != 1)
    return Broken("a passphrase must be the only recipient");
  for (const Identity& identity : identities) {
    std::string ours;
    if (!identity.key.empty()) ours = X25519Public(identity.key.Reveal());
    for (const Stanza& stanza : header.stanzas) {
      std::optional<Key> key;
      if (stanza.words[0] == kX25519 && !ours.empty()) {
        key = TRY(UnwrapByKey(stanza, identity.key.Reveal(), ours));
      } else if (stanza.words[0] == kScrypt && ours.empty()) {
        key = TRY(UnwrapByPassphrase(stanza, identity.passphrase, most_work));
      }
      if (!key) continue;
      if (key->bytes().size() != kFileKeySize) return Broken("the file's key");
      std::string mac = HmacSha256(Hkdf(key->bytes(), "", "header").bytes(), header.signed_text);
      if (!SameBytes(mac, header.mac)) return Broken("it was changed: its MAC is another");
      return *std::move(key);
    }
  }
  return Status(Code::kRejected,
                by_passphrase ? "the passphrase is another, or none was given"
                              : "the file is not for the identities that were given");
}

}  // namespace millrace::age
