// files: src/decode/json_tokens.cc
// link: -lsimdjson
//
// Any bytes as JSON; another parser is asked, too.
#include <nlohmann/json.hpp>
#include <string>

#include "decode/json_tokens.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

constexpr size_t kLongNumber = 300;  // the other parser refuses numbers that are no double

void Check(std::string_view text) {
  JsonTokens tokens;
  bool ours = tokens.Begin(text) && tokens.IsWhole();
  bool again = tokens.Begin(text) && tokens.IsWhole();
  Must(ours == again, "nothing stays of what was read before");
  bool may_differ = text.size() > kLongNumber || text.find_first_of("eE") != text.npos;
  Must(!ours || may_differ || nlohmann::json::accept(text), "what is taken is JSON");
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::Check(millrace::fuzz::Text(data, size));
  return 0;
}
