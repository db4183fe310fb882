// rooms: base config
// files: src/data/schema.cc src/data/type_parser.cc
//
// Any bytes as a YAML file: the tree is within its bounds, the place of every byte of every scalar
// is known, and a Spec reads it or tells why not.
#include <string>

#include "config/scalar_origin.h"
#include "config/spec.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

enum class Mode { kAppend, kReplace };

struct Inner {
  std::string name;
  bool flag = false;
};

struct Config {
  std::string text;
  int64_t whole = 0;
  int small = 0;
  double number = 0;
  bool flag = false;
  Micros wait{0};
  Bytes size;
  Secret secret;
  std::optional<Mode> mode;
  std::vector<std::string> list;
  std::map<std::string, std::string> map;
  Inner inner;
  std::vector<Inner> many;
  YamlNode any;
};

}  // namespace
}  // namespace millrace::fuzz

template <>
struct millrace::EnumNames<millrace::fuzz::Mode> {
  static constexpr std::pair<std::string_view, millrace::fuzz::Mode> kAll[] = {
      {"append", millrace::fuzz::Mode::kAppend}, {"replace", millrace::fuzz::Mode::kReplace}};
};

namespace millrace::fuzz {
namespace {

const Spec<Config>& TestSpec() {
  static const Spec<Inner> inner = Spec<Inner>("inner", "")
                                       .Field("name", &Inner::name, "", {.required = true})
                                       .Field("flag", &Inner::flag, "")
                                       .Short("name");
  static const Spec<Config> spec = Spec<Config>("test", "")
                                       .Field("text", &Config::text, "", {.choices = {"a", "b"}})
                                       .Field("whole", &Config::whole, "", {.min = -10, .max = 10})
                                       .Field("small", &Config::small, "")
                                       .Field("number", &Config::number, "", {.min = 0, .max = 1})
                                       .Field("flag", &Config::flag, "")
                                       .Field("wait", &Config::wait, "")
                                       .Field("size", &Config::size, "")
                                       .Field("secret", &Config::secret, "")
                                       .Field("mode", &Config::mode, "")
                                       .Field("list", &Config::list, "", {.min = 1, .max = 3})
                                       .Field("map", &Config::map, "")
                                       .Group("inner", &Config::inner, inner, "")
                                       .GroupList("many", &Config::many, inner, "", {.max = 2})
                                       .Field("any", &Config::any, "")
                                       .Short("text");
  return spec;
}

struct Walk {
  std::string_view text;
  size_t nodes = 0, mapped = 0;

  void Visit(const YamlNode& node, int depth) {
    Must(++nodes <= 400'000, "the tree is bounded");
    Must(depth <= 64, "the depth is bounded");
    Must(node.place.line >= 1 && node.place.column >= 1, "a node has a place");
    if (node.IsScalar()) VisitScalar(node);
    for (const YamlNode& item : node.items) Visit(item, depth + 1);
    for (const auto& [key, value] : node.entries) {
      Must(key.IsScalar(), "a key is a scalar");
      Visit(key, depth + 1);
      Visit(value, depth + 1);
    }
  }

  void VisitScalar(const YamlNode& node) {
    Must(node.origin != nullptr, "a scalar knows its origin");
    mapped += node.scalar.size();
    if (mapped > 100'000) return;
    const ScalarOrigin& origin = *node.origin;
    auto map = MapScalar(text, origin.begin, origin.style, node.scalar);
    Must(map.has_value(), "the place of a scalar's bytes is known");
    Must(map->size() == node.scalar.size() + 1, "of each byte and the end");
    for (size_t i = 1; i < map->size(); ++i) {
      Must((*map)[i - 1] <= (*map)[i], "places do not go back");
    }
    Must(map->back() <= text.size(), "places are in the file");
  }
};

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using millrace::fuzz::Must;
  std::string_view text = millrace::fuzz::Text(data, size);
  millrace::Diagnostics diagnostics;
  millrace::YamlNode node = millrace::ParseYaml(text, "f.yml", diagnostics);
  millrace::fuzz::Walk{text}.Visit(node, 0);
  bool sound = !diagnostics.HasErrors();
  std::optional<millrace::fuzz::Config> config =
      millrace::fuzz::TestSpec().Parse(node, diagnostics);
  Must(!sound || config.has_value() == !diagnostics.HasErrors(), "what is not read is told");
  for (const millrace::Diagnostic& each : diagnostics.all()) {
    Must(each.message.find('\n') == std::string::npos, "a message is one line");
    Must(each.place.line <= 1 + int(size), "a place is in the file");
  }
  return 0;
}
