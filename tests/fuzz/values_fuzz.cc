// rooms: base config
// files: src/data/schema.cc src/data/type_parser.cc
//
// Any bytes as a text with ${…}, as a YAML file with them, and as an .env file.
#include <string>

#include "config/values.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

constexpr char kSecret[] = "Xq7!hidden!7qX";

Values TestValues() {
  Values values;
  values.variables = {{"A", "value"}, {"EMPTY", ""}, {"params.x", "${A}"}, {"run.id", "r"}};
  values.secrets = {{"s", Secret(kSecret)}};
  values.keep = {"run."};
  return values;
}

void CheckPlaces(const YamlNode& node) {
  if (node.IsScalar() && node.scalar.size() < 150) {
    for (size_t i = 0; i <= node.scalar.size(); ++i) {
      Must(node.PlaceOf(i).line >= 1, "every byte has a place");
    }
  }
  for (const YamlNode& item : node.items) CheckPlaces(item);
  for (const auto& [key, value] : node.entries) CheckPlaces(value);
}

void CheckTree(const YamlNode& node, Values values) {
  Diagnostics diagnostics;
  YamlNode once = Interpolate(node, values, diagnostics);
  CheckPlaces(once);
  values.keep.clear();
  CheckPlaces(Interpolate(once, values, diagnostics));
  Must(diagnostics.ToString().find(kSecret) == std::string::npos, "secrets are not told");
  if (!node.IsScalar()) return;
  bool has_secret = once.scalar.find(kSecret) != std::string::npos;
  Must(!has_secret || once.secret, "a scalar with a secret in it is marked");
  Must(node.scalar.find("${") != std::string::npos || once.scalar == node.scalar,
       "text without ${ stays as it is");
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = millrace::fuzz::Text(data, size);
  if (text.find(millrace::fuzz::kSecret) != text.npos) return 0;  // the fuzzer learns it from us
  static const millrace::Values values = millrace::fuzz::TestValues();
  millrace::Diagnostics diagnostics;
  millrace::fuzz::CheckTree(millrace::TextNode(text, "f.sql"), values);
  millrace::fuzz::CheckTree(millrace::ParseYaml(text, "f.yml", diagnostics), values);
  millrace::ParseDotEnv(text, ".env", diagnostics);
  return 0;
}
