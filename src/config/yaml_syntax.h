// What libyaml says of a file that is not YAML, in words that help. Private to config/.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "config/diagnostics.h"
#include "config/scalar_origin.h"

namespace millrace {

// libyaml counts characters, and none for the byte order mark; we count bytes.
class ByteIndex {
 public:
  explicit ByteIndex(std::string_view text);
  size_t Byte(size_t character) const;
  size_t start() const { return start_; }  // after the byte order mark

 private:
  size_t start_ = 0, size_ = 0;
  std::vector<size_t> bytes_;  // of each character; empty when all are ASCII
};

struct SyntaxError {
  std::string_view problem, context;  // libyaml's words
  size_t at = 0;                      // byte of the problem
  std::optional<size_t> context_at;   // byte where what it is in begins
};

Diagnostic ExplainSyntaxError(const SyntaxError& error, const SourceText& source);

}  // namespace millrace
