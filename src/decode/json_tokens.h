// The tokens of one JSON text, found by simdjson's first stage, which also checks UTF-8 and that
// strings end. What they mean is the caller's business. Private to decode/.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// RFC 8259, section 6: a number of any size is JSON.
bool IsJsonNumber(std::string_view token);

class JsonTokens {
 public:
  JsonTokens();
  ~JsonTokens();

  // False: what() says why it is no JSON. The text is copied; tokens are valid until the next call.
  bool Begin(std::string_view text);
  const char* what() const { return what_; }

  // The first byte of the token that comes; 0 at the end.
  char Peek() const { return at_ < count_ ? text_[index_[at_]] : '\0'; }
  bool AtEnd() const { return at_ == count_; }
  // The token that comes, without blanks: one of {}[],: or a scalar, which is not yet checked.
  std::string_view Next() {
    const char* begin = text_ + index_[at_];
    const char* end = text_ + index_[++at_];
    while (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r' || end[-1] == '\t') --end;
    return {begin, static_cast<size_t>(end - begin)};
  }
  // Whether the token that comes is `name` in quotes; then it is taken. The name has no escapes.
  bool TakeName(const std::string& name) {
    const char* key = position();
    size_t size = name.size();
    if (AtEnd() || text_ + index_[at_ + 1] < key + size + 2 || key[size + 1] != '"' ||
        std::memcmp(key + 1, name.data(), size) != 0)
      return false;
    ++at_;
    return true;
  }
  bool Take(char punctuation) {
    if (Peek() != punctuation) return false;
    ++at_;
    return true;
  }
  // Where the text is that comes next.
  const char* position() const { return text_ + index_[at_]; }

  // The characters of a string's token; `room` holds them where there are escapes. False: it is no
  // string.
  static bool Text(std::string_view token, std::string& room, std::string_view& text);

  // Passes over the value that comes, and all below it. False: it is no JSON.
  bool Skip(int depth = 0);
  // True when a value and nothing else is left.
  bool IsWhole();

 private:
  struct Stage;

  std::unique_ptr<Stage> stage_;
  std::vector<char> padded_;
  std::string room_;
  const char* text_ = "";
  const uint32_t* index_ = nullptr;  // where tokens begin, and the text's end
  uint32_t at_ = 0, count_ = 0;
  const char* what_ = "";
};

}  // namespace millrace
