#include "config/spec_read.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/text.h"

namespace millrace::spec_internal {

namespace {

// Whether there is a scalar to read; tells otherwise, unless a ${…} in it was told already.
bool HasText(const YamlNode& node, const std::string& what, std::string_view expected,
             Diagnostics& diagnostics) {
  if (node.IsScalar()) return !node.broken;
  if (node.IsNull()) {
    diagnostics.Error(node.place, what + " has no value",
                      node.scalar.empty() ? "write one, or remove the line"
                                          : "quote '" + node.scalar + "' to mean the text");
  } else {
    diagnostics.Error(node.place,
                      fmt::format("{} must be {}, not {}", what, expected, node.Show()));
  }
  return false;
}

bool Mismatch(const YamlNode& node, const std::string& what, std::string_view expected,
              Diagnostics& diagnostics, std::string hint = "") {
  diagnostics.Error(node.place, fmt::format("{} must be {}, not {}", what, expected, node.Show()),
                    std::move(hint));
  return false;
}

// Quoted text is no number or boolean, except where ${…} had to be quoted.
bool IsQuotedText(const YamlNode& node) { return node.quoted && !node.interpolated; }

bool InRange(const YamlNode& node, const std::string& what, const FieldOptions& options,
             double value, Diagnostics& diagnostics, std::string_view unit = "") {
  if (options.min && value < *options.min) {
    return Mismatch(node, what, fmt::format("at least {}{}", *options.min, unit), diagnostics);
  }
  if (options.max && value > *options.max) {
    return Mismatch(node, what, fmt::format("at most {}{}", *options.max, unit), diagnostics);
  }
  return true;
}

bool RightLength(const YamlNode& node, const std::string& what, const FieldOptions& options,
                 size_t length, Diagnostics& diagnostics) {
  auto tell = [&](std::string_view bound, double limit) {
    diagnostics.Error(node.place, fmt::format("{} must have at {} {} {}, not {}", what, bound,
                                              limit, limit == 1 ? "item" : "items", length));
    return false;
  };
  if (options.min && double(length) < *options.min) return tell("least", *options.min);
  if (options.max && double(length) > *options.max) return tell("most", *options.max);
  return true;
}

enum class Parsed { kOk, kNoNumber, kTooBig };

// 12, -3, +7, 0x1F, 0o17: the whole numbers of YAML 1.2.
Parsed ParseInteger(std::string_view text, int64_t& out) {
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (base != 10) text.remove_prefix(2);
  if (base == 10 && text.starts_with("+")) {
    text.remove_prefix(1);
    if (text.starts_with("-")) return Parsed::kNoNumber;
  }
  if (base != 10 && text.starts_with("-")) return Parsed::kNoNumber;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (end != text.data() + text.size() || text.empty()) return Parsed::kNoNumber;
  return error == std::errc::result_out_of_range ? Parsed::kTooBig
         : error == std::errc()                  ? Parsed::kOk
                                                 : Parsed::kNoNumber;
}

}  // namespace

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options,
          std::string& out, Diagnostics& diagnostics) {
  if (!HasText(node, what, "text", diagnostics)) return false;
  if (!options.choices.empty() && ReadChoice(node, what, options.choices, diagnostics) < 0) {
    return false;
  }
  out = node.scalar;
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& /*options*/, bool& out,
          Diagnostics& diagnostics) {
  constexpr std::string_view kExpected = "true or false";
  if (!HasText(node, what, kExpected, diagnostics)) return false;
  const std::string& text = node.scalar;
  bool yes = text == "true" || text == "True" || text == "TRUE";
  bool no = text == "false" || text == "False" || text == "FALSE";
  if (!yes && !no) return Mismatch(node, what, kExpected, diagnostics);
  if (IsQuotedText(node)) return Mismatch(node, what, kExpected, diagnostics, "remove the quotes");
  out = yes;
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, int64_t& out,
          Diagnostics& diagnostics) {
  constexpr std::string_view kExpected = "a whole number";
  if (!HasText(node, what, kExpected, diagnostics)) return false;
  int64_t value = 0;
  switch (ParseInteger(node.scalar, value)) {
    case Parsed::kNoNumber: return Mismatch(node, what, kExpected, diagnostics);
    case Parsed::kTooBig: return Mismatch(node, what, "within 64 bits", diagnostics);
    case Parsed::kOk: break;
  }
  if (IsQuotedText(node)) return Mismatch(node, what, kExpected, diagnostics, "remove the quotes");
  if (!InRange(node, what, options, double(value), diagnostics)) return false;
  out = value;
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, int& out,
          Diagnostics& diagnostics) {
  using Limits = std::numeric_limits<int>;
  FieldOptions narrow = options;
  narrow.min = std::max(options.min.value_or(Limits::min()), double(Limits::min()));
  narrow.max = std::min(options.max.value_or(Limits::max()), double(Limits::max()));
  int64_t value = 0;
  if (!Read(node, what, narrow, value, diagnostics)) return false;
  out = int(value);
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, double& out,
          Diagnostics& diagnostics) {
  constexpr std::string_view kExpected = "a number";
  if (!HasText(node, what, kExpected, diagnostics)) return false;
  std::string_view text = node.scalar;
  if (text.starts_with("+")) text.remove_prefix(1);
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool digits = text.find_first_of("0123456789") != text.npos;  // not "inf" and "nan"
  if (error != std::errc() || end != text.data() + text.size() || !digits ||
      node.scalar.starts_with("+-")) {
    return Mismatch(node, what, kExpected, diagnostics);
  }
  if (IsQuotedText(node)) return Mismatch(node, what, kExpected, diagnostics, "remove the quotes");
  if (!InRange(node, what, options, value, diagnostics)) return false;
  out = value;
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, Micros& out,
          Diagnostics& diagnostics) {
  constexpr std::string_view kExpected = "a duration";
  if (!HasText(node, what, kExpected, diagnostics)) return false;
  Result<Micros> value = ParseDuration(node.scalar);
  if (!value.ok()) return Mismatch(node, what, kExpected, diagnostics, value.status().hint());
  if (!InRange(node, what, options, double(value->count()) / 1e6, diagnostics, " s")) return false;
  out = *value;
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, Bytes& out,
          Diagnostics& diagnostics) {
  constexpr std::string_view kExpected = "a size";
  if (!HasText(node, what, kExpected, diagnostics)) return false;
  Result<int64_t> value = ParseBytes(node.scalar);
  if (!value.ok()) return Mismatch(node, what, kExpected, diagnostics, "write 64kB, 512MB or 2GiB");
  if (!InRange(node, what, options, double(*value), diagnostics, " bytes")) return false;
  out.count = *value;
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& /*options*/,
          Secret& out, Diagnostics& diagnostics) {
  if (!node.IsScalar()) return HasText(node, what, "text", diagnostics);
  if (node.broken) return false;
  out = Secret(node.scalar);
  return true;
}

bool Read(const YamlNode& node, const std::string& /*what*/, const FieldOptions& /*options*/,
          YamlNode& out, Diagnostics& /*diagnostics*/) {
  out = node;
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options,
          std::vector<std::string>& out, Diagnostics& diagnostics) {
  std::vector<std::string> values;
  auto read = [&](const YamlNode& item) {
    return Read(item, what, {.choices = options.choices}, values.emplace_back(), diagnostics);
  };
  if (!ReadItems(node, what, options, read, diagnostics)) return false;
  out = std::move(values);
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options,
          std::map<std::string, std::string>& out, Diagnostics& diagnostics) {
  if (!node.IsMap()) {
    if (node.broken) return false;
    if (node.IsNull()) return HasText(node, what, "a map", diagnostics);
    return Mismatch(node, what, "a map", diagnostics);
  }
  std::map<std::string, std::string> values;
  bool ok = true;
  for (const auto& [key, value] : node.entries) {
    std::string where = "'" + key.scalar + "' in " + what;
    if (!Read(value, where, {.choices = options.choices}, values[key.scalar], diagnostics))
      ok = false;
  }
  if (!ok || !RightLength(node, what, options, values.size(), diagnostics)) return false;
  out = std::move(values);
  return true;
}

bool Read(const YamlNode& node, const std::string& what, const FieldOptions& options, Schema& out,
          Diagnostics& diagnostics) {
  std::map<std::string, std::string> types;
  if (!Read(node, what, options, types, diagnostics)) return false;
  Schema schema;
  bool ok = true;
  for (const auto& [key, value] : node.entries) {
    Result<Type> type = ParseType(value.scalar);
    if (!type.ok()) {
      diagnostics.Error(value.place, "'" + key.scalar + "' in " + what + ": " +
                                         type.status().message(),
                        "write one of SQL, such as BIGINT, VARCHAR or DECIMAL(10,2)");
      ok = false;
    } else if (schema.Find(key.scalar) != nullptr) {
      diagnostics.Error(key.place, what + " has two columns '" + key.scalar + "'");
      ok = false;
    } else {
      schema.columns.push_back({key.scalar, *std::move(type)});
    }
  }
  if (ok) out = std::move(schema);
  return ok;
}

int ReadChoice(const YamlNode& node, const std::string& what, const std::vector<std::string>& names,
               Diagnostics& diagnostics) {
  if (!HasText(node, what, "one of " + Join(names, ", "), diagnostics)) return -1;
  auto found = std::find(names.begin(), names.end(), node.scalar);
  if (found != names.end()) return int(found - names.begin());
  std::string closest = node.secret ? "" : Closest(node.scalar, names);
  Mismatch(node, what, "one of " + Join(names, ", "), diagnostics,
           closest.empty() ? "" : "did you mean '" + closest + "'?");
  return -1;
}

bool ReadItems(const YamlNode& node, const std::string& what, const FieldOptions& options,
               const std::function<bool(const YamlNode&)>& read, Diagnostics& diagnostics) {
  if (node.IsNull()) return HasText(node, what, "a list", diagnostics);
  if (!node.IsList()) return read(node) && RightLength(node, what, options, 1, diagnostics);
  bool ok = true;
  for (const YamlNode& item : node.items) {
    if (!read(item)) ok = false;
  }
  return ok && RightLength(node, what, options, node.items.size(), diagnostics);
}

namespace {

void TellUnknown(const SpecInfo& info, const YamlNode& key, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const FieldInfo& field : info.fields) names.push_back(field.key);
  std::string hint;
  std::string closest = Closest(key.scalar, names);
  size_t colon = key.scalar.find(':');
  if (colon != key.scalar.npos && info.Find(key.scalar.substr(0, colon)) != nullptr) {
    hint = "put a space after the ':'";
  } else if (!closest.empty()) {
    hint = "did you mean '" + closest + "'?";
  } else if (names.empty()) {
    hint = "it has no fields";
  } else {
    hint = "its fields are " + Join(names, ", ");
  }
  diagnostics.Error(key.place, "unknown field '" + key.scalar + "' in " + info.name, hint);
}

}  // namespace

bool ReadFields(const SpecInfo& info, const YamlNode& node,
                const std::function<bool(size_t, const YamlNode&)>& read,
                Diagnostics& diagnostics) {
  auto index_of = [&](std::string_view key) {
    const FieldInfo* field = info.Find(key);
    return field == nullptr ? info.fields.size() : size_t(field - info.fields.data());
  };
  std::vector<bool> seen(info.fields.size());
  bool ok = true;
  if (node.IsMap()) {
    for (const auto& [key, value] : node.entries) {
      size_t index = index_of(key.scalar);
      if (index == info.fields.size()) {
        if (info.any_key) continue;
        TellUnknown(info, key, diagnostics);
        ok = false;
        continue;
      }
      seen[index] = true;
      if (info.fields[index].options.deprecated) {
        diagnostics.Warn(key.place, "'" + key.scalar + "' in " + info.name + " is deprecated",
                         info.fields[index].help);
      }
      if (!read(index, value)) ok = false;
    }
  } else if (!node.IsNull()) {
    size_t index = index_of(info.short_field);
    if (info.short_field.empty() || index == info.fields.size()) {
      if (!node.broken) Mismatch(node, info.name, "a map", diagnostics);
      return false;
    }
    seen[index] = true;
    ok = read(index, node);
  }
  for (size_t i = 0; i < info.fields.size(); ++i) {
    const FieldInfo& field = info.fields[i];
    if (!field.options.required || seen[i]) continue;
    const std::string& example = field.options.example;
    diagnostics.Error(node.place, "'" + field.key + "' is missing in " + info.name,
                      example.empty() ? "" : "for example " + field.key + ": " + example);
    ok = false;
  }
  return ok;
}

}  // namespace millrace::spec_internal
