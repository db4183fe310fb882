// Characters of other encodings as UTF-8.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "decode/inflate.h"

namespace millrace {

// "utf-8", "UTF8": nothing is to be done.
bool IsUtf8(std::string_view encoding);

// `encoding`: as iconv knows it, or "latin-1". kInvalid for an unknown one; reading gives kInvalid
// with the byte where the text is not in that encoding. `name` is for messages.
Result<std::unique_ptr<ByteReader>> Transcode(std::unique_ptr<ByteReader> bytes,
                                              const std::string& encoding, std::string name);

}  // namespace millrace
