// The readers behind Spec: one overload for each type of member that a Config may have.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/secret.h"
#include "base/time.h"
#include "config/diagnostics.h"
#include "config/spec_info.h"
#include "config/yaml.h"
#include "data/schema.h"

namespace millrace {

struct Bytes {  // "512MB"
  int64_t count = 0;
  bool operator==(const Bytes&) const = default;
};

// The names of an enum's values, as YAML spells them: specialise beside the enum.
//   template <> struct EnumNames<Mode> {
//     static constexpr std::pair<std::string_view, Mode> kAll[] = {…};
//   };
template <class E>
struct EnumNames;

namespace spec_internal {

// Each reads one value; false after it has told `diagnostics` what is wrong. `what` names the
// field.
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options,
          std::string& out, Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, bool& out,
          Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, int& out,
          Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, int64_t& out,
          Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, double& out,
          Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, Micros& out,
          Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, Bytes& out,
          Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, Secret& out,
          Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, YamlNode& out,
          Diagnostics& diagnostics);
// A single scalar is a list of one.
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options,
          std::vector<std::string>& out, Diagnostics& diagnostics);
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options,
          std::map<std::string, std::string>& out, Diagnostics& diagnostics);
// A map of columns and their types, in order.
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, Schema& out,
          Diagnostics& diagnostics);
// The index of the scalar in `names`, or -1 after an error with the closest name.
int ReadChoice(const YamlNode& node, const std::string& what, const std::vector<std::string>& names,
               Diagnostics& diagnostics);

template <class E>
std::vector<std::string> NamesOf() {
  std::vector<std::string> names;
  for (const auto& [name, value] : EnumNames<E>::kAll) names.emplace_back(name);
  return names;
}

template <class E>
requires std::is_enum_v<E>
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& /*options*/, E& out,
          Diagnostics& diagnostics) {
  int index = ReadChoice(node, what, NamesOf<E>(), diagnostics);
  if (index >= 0) out = EnumNames<E>::kAll[index].second;
  return index >= 0;
}

template <class T>
bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options,
          std::optional<T>& out, Diagnostics& diagnostics) {
  T value{};
  if (!Read(node, what, options, value, diagnostics)) return false;
  out = std::move(value);
  return true;
}

// Kind and default text of a member's type. Enums come before optionals, which look them up.
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
FieldKind KindOf(const Schema*);
template <class E>
requires std::is_enum_v<E> FieldKind KindOf(const E*) { return FieldKind::kChoice; }
template <class T>
FieldKind KindOf(const std::optional<T>*) {
  return KindOf(static_cast<const T*>(nullptr));
}

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
std::string DefaultText(const Schema& value);
template <class E>
requires std::is_enum_v<E> std::string DefaultText(E value) {
  for (const auto& [name, each] : EnumNames<E>::kAll) {
    if (each == value) return std::string(name);
  }
  return "";
}
template <class T>
std::string DefaultText(const std::optional<T>& value) {
  return value ? DefaultText(*value) : "";
}

template <class T>
struct EnumOf {
  using type = void;
};
template <class E>
requires std::is_enum_v<E>
struct EnumOf<E> {
  using type = E;
};
template <class T>
struct EnumOf<std::optional<T>> : EnumOf<T> {};

// The part of Parse that does not depend on Config: short form, unknown and required fields. Calls
// read(index, value) for each known field that is there. False when something was wrong.
bool ReadFields(const SpecInfo& info, const YamlNode& node,
                const std::function<bool(size_t, const YamlNode&)>& read, Diagnostics& diagnostics);
// Calls read(item) for each item of a list; a map alone is a list of one. False when something was
// wrong.
bool ReadItems(const YamlNode& node, const std::string& what, const FieldOptions& options,
               const std::function<bool(const YamlNode&)>& read, Diagnostics& diagnostics);

}  // namespace spec_internal
}  // namespace millrace
