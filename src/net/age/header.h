// The header of an age file: who may read it, each with the file's key wrapped for them, and a MAC
// by that key. https://age-encryption.org/v1#encrypted-file-format
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/age/age.h"
#include "net/age/primitives.h"

namespace millrace::age {

struct Stanza {
  std::vector<std::string> words;  // the first is its kind: "X25519", "scrypt", or any other
  std::string body;
};

struct Header {
  std::vector<Stanza> stanzas;
  std::string signed_text;  // what the MAC is of
  std::string mac;          // 32 bytes
  size_t size = 0;          // bytes, of the whole header
};

// nullopt: it goes on behind these bytes, which are fewer than kMaxHeader. kInvalid: no header of
// an age file.
Result<std::optional<Header>> ReadHeader(std::string_view bytes);
// The header's text for these, with its MAC.
std::string WriteHeader(const std::vector<Stanza>& stanzas, const Key& file_key);

// The file's key for one reader.
Result<Stanza> Wrap(const Key& file_key, const Recipient& recipient, int work);
// kRejected: it is for none of the identities; kInvalid: stanzas that are malformed.
Result<Key> Unwrap(const Header& header, const std::vector<Identity>& identities, int most_work);

}  // namespace millrace::age
