#include "config/spec_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/spec_read.h"

namespace millrace {

const FieldInfo* SpecInfo::Find(std::string_view key) const {
  for (const FieldInfo& field : fields) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

namespace spec_internal {

FieldKind KindOf(const std::string*) { return FieldKind::kText; }
FieldKind KindOf(const bool*) { return FieldKind::kBoolean; }
FieldKind KindOf(const int*) { return FieldKind::kInteger; }
FieldKind KindOf(const int64_t*) { return FieldKind::kInteger; }
FieldKind KindOf(const double*) { return FieldKind::kNumber; }
FieldKind KindOf(const Micros*) { return FieldKind::kDuration; }
FieldKind KindOf(const Bytes*) { return FieldKind::kBytes; }
FieldKind KindOf(const Secret*) { return FieldKind::kSecret; }
FieldKind KindOf(const YamlNode*) { return FieldKind::kAny; }
FieldKind KindOf(const std::vector<std::string>*) { return FieldKind::kTextList; }
FieldKind KindOf(const std::map<std::string, std::string>*) { return FieldKind::kTextMap; }
FieldKind KindOf(const Schema*) { return FieldKind::kTextMap; }

// Plain where YAML reads it back as this text, else quoted as JSON, which is YAML too.
std::string DefaultText(const std::string& value) {
  if (value.empty()) return "";
  constexpr std::string_view kWord =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./";
  constexpr std::string_view kOthersNames[] = {"true", "false", "null"};
  bool letters = value.find_first_not_of("0123456789.eExXo") != value.npos;
  bool plain = letters && value.find_first_not_of(kWord) == value.npos &&
               std::find(std::begin(kOthersNames), std::end(kOthersNames), ToLower(value)) ==
                   std::end(kOthersNames);
  return plain ? value : Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string DefaultText(bool value) { return value ? "true" : "false"; }
std::string DefaultText(int value) { return fmt::format("{}", value); }
std::string DefaultText(int64_t value) { return fmt::format("{}", value); }
std::string DefaultText(double value) { return fmt::format("{}", value); }

std::string DefaultText(const Micros& value) { return DurationText(value); }
std::string DefaultText(const Bytes& value) { return BytesText(value.count); }
std::string DefaultText(const Secret&) { return ""; }
std::string DefaultText(const YamlNode&) { return ""; }

std::string DefaultText(const std::vector<std::string>& value) {
  std::vector<std::string> texts;
  for (const std::string& each : value) texts.push_back(each.empty() ? "\"\"" : DefaultText(each));
  return value.empty() ? "" : "[" + Join(texts, ", ") + "]";
}

std::string DefaultText(const std::map<std::string, std::string>& value) {
  std::vector<std::string> texts;
  for (const auto& [key, each] : value) {
    texts.push_back(DefaultText(key) + ": " + (each.empty() ? "\"\"" : DefaultText(each)));
  }
  return value.empty() ? "" : "{" + Join(texts, ", ") + "}";
}
std::string DefaultText(const Schema& value) {
  std::vector<std::string> texts;
  for (const Column& column : value.columns)
    texts.push_back(DefaultText(column.name) + ": " + DefaultText(column.type.ToSql()));
  return texts.empty() ? "" : "{" + Join(texts, ", ") + "}";
}

}  // namespace spec_internal

namespace {

std::string TypeText(const FieldInfo& field) {
  switch (field.kind) {
    case FieldKind::kText:
    case FieldKind::kChoice:
      if (!field.options.choices.empty()) {
        return "one of `" + Join(field.options.choices, "`, `") + "`";
      }
      return "text";
    case FieldKind::kBoolean: return "true or false";
    case FieldKind::kInteger: return "whole number";
    case FieldKind::kNumber: return "number";
    case FieldKind::kDuration: return "duration";
    case FieldKind::kBytes: return "size";
    case FieldKind::kSecret: return "secret";
    case FieldKind::kTextList: return "text or list of texts";
    case FieldKind::kTextMap: return "map of texts";
    case FieldKind::kGroup: return "map";
    case FieldKind::kGroupList: return "map or list of maps";
    case FieldKind::kAny: return "any";
  }
  return "any";
}

std::string RangeText(const FieldOptions& options) {
  if (options.min && options.max) return fmt::format(", {} to {}", *options.min, *options.max);
  if (options.min) return fmt::format(", at least {}", *options.min);
  if (options.max) return fmt::format(", at most {}", *options.max);
  return "";
}

// One line, and no bar that would end the cell.
std::string Cell(std::string_view text) {
  std::string cell;
  for (char c : text) {
    if (c == '|') cell += '\\';
    cell += c == '\n' ? ' ' : c;
  }
  return cell;
}

void AppendRows(const SpecInfo& info, const std::string& prefix, std::string& out) {
  for (const FieldInfo& field : info.fields) {
    std::string type = TypeText(field) + RangeText(field.options);
    if (field.group && !field.group->short_field.empty()) {
      type += ", or `" + field.group->short_field + "` alone";
    }
    std::string standard = field.options.required       ? "**required**"
                           : field.default_text.empty() ? ""
                                                        : "`" + field.default_text + "`";
    std::string help = field.options.deprecated ? "Deprecated. " + field.help : field.help;
    if (!field.options.example.empty()) help += " Example: `" + field.options.example + "`";
    out += fmt::format("| `{}{}` | {} | {} | {} |\n", prefix, field.key, Cell(type), Cell(standard),
                       Cell(help));
    if (field.group) AppendRows(*field.group, prefix + field.key + ".", out);
  }
}

}  // namespace

std::string SpecMarkdown(const SpecInfo& info) {
  std::string out = fmt::format("## {}\n\n{}\n", info.name, info.summary);
  if (!info.fields.empty()) {
    out += "\n| field | type | default | meaning |\n|---|---|---|---|\n";
    AppendRows(info, "", out);
  }
  if (!info.short_field.empty()) {
    out += fmt::format("\nShort form: the value of `{}` alone.\n", info.short_field);
  }
  for (const auto& [title, yaml] : info.examples) {
    out += fmt::format("\n{}:\n\n```yaml\n{}\n```\n", title, Trim(yaml));
  }
  return out;
}

}  // namespace millrace
