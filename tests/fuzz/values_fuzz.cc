// rooms: base config
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
  if (node.IsScalar() && node.scalar.size() < 500) {
    for (size_t i = 0; i <= node.scalar.size(); ++i) {
      Must(node.PlaceOf(i).line >= 1, "every byte has a place");
    }
  }
  for (const YamlNode& item : node.items) CheckPlaces(item);
  for (const auto& [key, value] : node.entries) CheckPlaces(value);
}

void CheckText(std::string_view text, const Values& values) {
  Diagnostics diagnostics;
  auto place_of = [&](size_t offset) {
    Must(offset < text.size(), "a fault is within the text");
    return Place{"f", 1, int(offset) + 1};
  };
  std::string result = Interpolate(text, values, place_of, diagnostics);
  Must(text.find("${") != text.npos || result == text, "text without ${ stays as it is");
  Must(diagnostics.ToString().find(kSecret) == std::string::npos, "secrets are not told");
}

void CheckTree(std::string_view text, Values values) {
  Diagnostics diagnostics;
  YamlNode once = Interpolate(ParseYaml(text, "f.yml", diagnostics), values, diagnostics);
  CheckPlaces(once);
  values.keep.clear();
  CheckPlaces(Interpolate(once, values, diagnostics));
  Must(diagnostics.ToString().find(kSecret) == std::string::npos, "secrets are not told");
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = millrace::fuzz::Text(data, size);
  static const millrace::Values values = millrace::fuzz::TestValues();
  millrace::fuzz::CheckText(text, values);
  millrace::fuzz::CheckTree(text, values);
  millrace::Diagnostics diagnostics;
  millrace::ParseDotEnv(text, ".env", diagnostics);
  return 0;
}
