// Spec<Config>: one declaration of a component's fields. From it come the parser with every error at its
// line and column, the defaults, the reference page, and the JSON Schema for editors.
//
//   struct FileConfig { std::string path; int64_t limit = 100; };
//   Spec<FileConfig> spec = Spec<FileConfig>("file", "Files on this machine.")
//       .Field("path", &FileConfig::path, "A file, a folder or a glob.", {.required = true})
//       .Field("limit", &FileConfig::limit, "Rows per batch.", {.min = 1})
//       .Short("path");                      // `file: data.csv` means `file: {path: data.csv}`
//
// Defaults are those of a default-constructed Config: they stand in one place.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "base/status.h"
#include "base/time.h"
#include "config/diagnostics.h"
#include "config/json.h"
#include "config/yaml.h"

namespace millrace {

struct Bytes { int64_t count = 0; bool operator==(const Bytes&) const = default; };   // "512MB"
struct Percent { double value = 0; };                                                   // "60%"

enum class FieldKind {
  kText, kBoolean, kInteger, kNumber, kDuration, kBytes, kSecret, kChoice, kTextList, kTextMap, kGroup, kGroupList,
  kAny,   // a YamlNode, read by its owner
};

struct FieldOptions {
  bool required = false;
  std::optional<double> min, max;       // numbers; for lists their length
  std::string example = {};             // YAML of the value
  std::vector<std::string> choices = {};// kText with a fixed set of values; enums bring their own
  bool deprecated = false;
};

struct SpecInfo;

struct FieldInfo {
  std::string key, help;
  FieldKind kind = FieldKind::kText;
  std::string default_text;             // as YAML; "" when there is none
  FieldOptions options;
  std::shared_ptr<const SpecInfo> group;   // kGroup, kGroupList
};

struct SpecInfo {
  std::string name, summary;
  std::vector<FieldInfo> fields;
  std::string short_field;              // "" when there is no short form
  std::vector<std::pair<std::string, std::string>> examples;   // title, YAML
  bool any_key = false;                 // unknown keys are the owner's business
};

// What the generated pages and the schema are made of.
std::string SpecMarkdown(const SpecInfo& info);
Json SpecJsonSchema(const SpecInfo& info);

// The names of an enum's values, as YAML spells them: specialise beside the enum.
//   template <> struct EnumNames<Mode> { static constexpr std::pair<std::string_view, Mode> kAll[] = {…}; };
template <class E>
struct EnumNames;

namespace spec_internal {

// Each reads one value; false after it has told `diagnostics` what is wrong. `what` names the field.
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, std::string& out, Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, bool& out, Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, int& out, Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, int64_t& out, Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, double& out, Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, Micros& out, Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, Bytes& out, Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, Secret& out, Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, YamlNode& out, Diagnostics&);
// A single scalar is a list of one.
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, std::vector<std::string>& out,
          Diagnostics&);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&,
          std::map<std::string, std::string>& out, Diagnostics&);
// The index of the scalar in `names`, or -1 after an error with the closest name.
int ReadChoice(const YamlNode& node, const std::string& what, const std::vector<std::string>& names, Diagnostics&);

template <class E>
std::vector<std::string> NamesOf() {
  std::vector<std::string> names;
  for (const auto& [name, value] : EnumNames<E>::kAll) names.emplace_back(name);
  return names;
}

template <class E>
  requires std::is_enum_v<E>
bool Read(const YamlNode& node, const std::string& what, const FieldOptions&, E& out, Diagnostics& diagnostics) {
  int index = ReadChoice(node, what, NamesOf<E>(), diagnostics);
  if (index >= 0) out = EnumNames<E>::kAll[index].second;
  return index >= 0;
}

template <class T>
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, std::optional<T>& out,
          Diagnostics& diagnostics) {
  T value{};
  if (!Read(node, what, options, value, diagnostics)) return false;
  out = std::move(value);
  return true;
}

// Kind and default text of a member's type.
FieldKind KindOf(const std::string*);
FieldKind KindOf(const bool*);
FieldKind KindOf(const int*);
FieldKind KindOf(const int64_t*);
FieldKind KindOf(const double*);
FieldKind KindOf(const Micros*);
FieldKind KindOf(const Bytes*);
FieldKind KindOf(const Secret*);
FieldKind KindOf(const YamlNode*);
FieldKind KindOf(const std::vector<std::string>*);
FieldKind KindOf(const std::map<std::string, std::string>*);
template <class E>
  requires std::is_enum_v<E>
FieldKind KindOf(const E*) { return FieldKind::kChoice; }
template <class T>
FieldKind KindOf(const std::optional<T>*) { return KindOf(static_cast<const T*>(nullptr)); }

std::string DefaultText(const std::string& value);
std::string DefaultText(bool value);
std::string DefaultText(int value);
std::string DefaultText(int64_t value);
std::string DefaultText(double value);
std::string DefaultText(const Micros& value);
std::string DefaultText(const Bytes& value);
std::string DefaultText(const Secret& value);
std::string DefaultText(const YamlNode& value);
std::string DefaultText(const std::vector<std::string>& value);
std::string DefaultText(const std::map<std::string, std::string>& value);
template <class E>
  requires std::is_enum_v<E>
std::string DefaultText(E value) {
  for (const auto& [name, each] : EnumNames<E>::kAll) {
    if (each == value) return std::string(name);
  }
  return "";
}
template <class T>
std::string DefaultText(const std::optional<T>& value) { return value ? DefaultText(*value) : ""; }

template <class T>
struct EnumOf { using type = void; };
template <class E>
  requires std::is_enum_v<E>
struct EnumOf<E> { using type = E; };
template <class T>
struct EnumOf<std::optional<T>> : EnumOf<T> {};

// The part of Parse that does not depend on Config: short form, unknown and repeated fields, required ones.
// Calls read(index, value) for each known field that is there. False when something was wrong.
bool ReadFields(const SpecInfo& info, const YamlNode& node,
                const std::function<bool(size_t, const YamlNode&)>& read, Diagnostics& diagnostics);

}  // namespace spec_internal

template <class Config>
class Spec {
 public:
  // `name` as it stands in errors: "sink 'postgres'", "file source".
  Spec(std::string name, std::string summary) : info_(std::make_shared<SpecInfo>()) {
    info_->name = std::move(name);
    info_->summary = std::move(summary);
  }

  template <class T>
  Spec& Field(std::string key, T Config::*member, std::string help, FieldOptions options = {}) {
    using Enum = typename spec_internal::EnumOf<T>::type;
    if constexpr (!std::is_void_v<Enum>) options.choices = spec_internal::NamesOf<Enum>();
    std::string what = "'" + key + "'";
    readers_.push_back([member, what, options](const YamlNode& node, Config& config, Diagnostics& diagnostics) {
      return spec_internal::Read(node, what, options, config.*member, diagnostics);
    });
    info_->fields.push_back({std::move(key), std::move(help),
                             spec_internal::KindOf(static_cast<const T*>(nullptr)),
                             spec_internal::DefaultText(Config{}.*member), std::move(options), nullptr});
    return *this;
  }

  // A field that is a map with a Spec of its own.
  template <class Sub>
  Spec& Group(std::string key, Sub Config::*member, const Spec<Sub>& sub, std::string help,
              FieldOptions options = {}) {
    readers_.push_back([member, sub](const YamlNode& node, Config& config, Diagnostics& diagnostics) {
      std::optional<Sub> value = sub.Parse(node, diagnostics);
      if (value) config.*member = *std::move(value);
      return value.has_value();
    });
    info_->fields.push_back({std::move(key), std::move(help), FieldKind::kGroup, "", std::move(options), sub.info()});
    return *this;
  }

  // The same, absent unless written.
  template <class Sub>
  Spec& Group(std::string key, std::optional<Sub> Config::*member, const Spec<Sub>& sub, std::string help,
              FieldOptions options = {}) {
    readers_.push_back([member, sub](const YamlNode& node, Config& config, Diagnostics& diagnostics) {
      config.*member = sub.Parse(node, diagnostics);
      return (config.*member).has_value();
    });
    info_->fields.push_back({std::move(key), std::move(help), FieldKind::kGroup, "", std::move(options), sub.info()});
    return *this;
  }

  // The field that a plain scalar or list stands for.
  Spec& Short(std::string key) { info_->short_field = std::move(key); return *this; }
  Spec& Example(std::string title, std::string yaml) {
    info_->examples.emplace_back(std::move(title), std::move(yaml));
    return *this;
  }
  // Cross-field rule; told at the component's place.
  Spec& Require(std::function<bool(const Config&)> holds, std::string otherwise, std::string hint = "") {
    rules_.push_back({std::move(holds), std::move(otherwise), std::move(hint)});
    return *this;
  }

  // nullopt after every fault was told to `diagnostics`.
  std::optional<Config> Parse(const YamlNode& node, Diagnostics& diagnostics) const {
    Config config{};
    bool ok = spec_internal::ReadFields(
        *info_, node,
        [&](size_t index, const YamlNode& value) { return readers_[index](value, config, diagnostics); },
        diagnostics);
    if (!ok) return std::nullopt;
    for (const Rule& rule : rules_) {
      if (rule.holds(config)) continue;
      diagnostics.Error(node.place, info_->name + ": " + rule.otherwise, rule.hint);
      ok = false;
    }
    if (!ok) return std::nullopt;
    return config;
  }

  std::shared_ptr<const SpecInfo> info() const { return info_; }
  std::string Markdown() const { return SpecMarkdown(*info_); }

 private:
  struct Rule {
    std::function<bool(const Config&)> holds;
    std::string otherwise, hint;
  };
  std::shared_ptr<SpecInfo> info_;
  std::vector<std::function<bool(const YamlNode&, Config&, Diagnostics&)>> readers_;
  std::vector<Rule> rules_;
};

}  // namespace millrace
