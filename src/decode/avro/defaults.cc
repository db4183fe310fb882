// The default of a field, JSON, as the binary encoding has it.
#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "decode/avro/avro_schema.h"

namespace millrace::avro {

namespace {

constexpr int kDeepest = 64;
constexpr int kMostValues = 100'000;  // defaults in defaults multiply

Status Misfit(const AvroSchema& schema, int type) {
  return Invalid("a default is no " + schema.NameOf(type));
}

// Bytes stand in JSON as characters up to U+00FF.
bool AppendBytes(const Json& json, std::string& out) {
  const std::string& text = json.get_ref<const std::string&>();
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      if (c > 0xc3 || i + 1 == text.size()) return false;
      c = static_cast<unsigned char>((c << 6) | (text[++i] & 0x3f));
    }
    out += static_cast<char>(c);
  }
  return true;
}

template <class T>
void AppendRaw(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

struct Limits {
  int depth = 0, values = 0;
};
Status Append(const AvroSchema& schema, int type, const Json& json, Limits& limits,
              std::string& out);

Status AppendRecord(const AvroSchema& schema, int type, const Json& json, Limits& limits,
                    std::string& out) {
  for (const Field& field : schema[type].fields) {
    auto found = json.find(field.name);
    if (found != json.end()) {
      TRY(Append(schema, field.type, *found, limits, out));
    } else if (field.default_json) {
      Json standard = Json::parse(*field.default_json, nullptr, false);
      TRY(Append(schema, field.type, standard, limits, out));
    } else {
      return Misfit(schema, type);
    }
  }
  return Status::Ok();
}

Status AppendUnion(const AvroSchema& schema, int type, const Json& json, Limits& limits,
                   std::string& out) {
  const std::vector<int>& branches = schema[type].types;
  for (size_t i = 0; i < branches.size(); ++i) {
    std::string value;
    if (!Append(schema, branches[i], json, limits, value).ok()) continue;
    AppendLong(out, static_cast<int64_t>(i));
    out += value;
    return Status::Ok();
  }
  return Misfit(schema, type);
}

Status AppendElements(const AvroSchema& schema, int type, const Json& json, Limits& limits,
                      std::string& out) {
  if (!json.empty()) AppendLong(out, static_cast<int64_t>(json.size()));
  for (const auto& [key, value] : json.items()) {
    if (json.is_object()) {
      AppendLong(out, static_cast<int64_t>(key.size()));
      out += key;
    }
    TRY(Append(schema, schema[type].types[0], value, limits, out));
  }
  AppendLong(out, 0);
  return Status::Ok();
}

Status AppendScalar(const AvroSchema& schema, int type, const Json& json, std::string& out) {
  const Node& node = schema[type];
  switch (node.kind) {
    case Kind::kNull: return json.is_null() ? Status::Ok() : Misfit(schema, type);
    case Kind::kBoolean:
      if (!json.is_boolean()) break;
      out += json.get<bool>() ? '\1' : '\0';
      return Status::Ok();
    case Kind::kInt:
    case Kind::kLong: {
      if (!json.is_number_integer()) break;
      int64_t value = json.get<int64_t>();
      if (node.kind == Kind::kInt && value != static_cast<int32_t>(value)) break;
      AppendLong(out, value);
      return Status::Ok();
    }
    case Kind::kFloat:
    case Kind::kDouble: {
      bool nan = json.is_string() && json == "NaN";
      if (!json.is_number() && !nan) break;
      double value = nan ? NAN : json.get<double>();
      node.kind == Kind::kFloat ? AppendRaw(out, static_cast<float>(value)) : AppendRaw(out, value);
      return Status::Ok();
    }
    default: break;
  }
  return Misfit(schema, type);
}

Status AppendText(const AvroSchema& schema, int type, const Json& json, std::string& out) {
  const Node& node = schema[type];
  if (!json.is_string()) return Misfit(schema, type);
  const std::string& text = json.get_ref<const std::string&>();
  if (node.kind == Kind::kEnum) {
    for (size_t i = 0; i < node.symbols.size(); ++i) {
      if (node.symbols[i] != text) continue;
      AppendLong(out, static_cast<int64_t>(i));
      return Status::Ok();
    }
    return Misfit(schema, type);
  }
  std::string bytes = text;
  if (node.kind != Kind::kString) {
    bytes.clear();
    if (!AppendBytes(json, bytes)) return Misfit(schema, type);
  }
  bool fixed = node.kind == Kind::kFixed;
  if (fixed && static_cast<int64_t>(bytes.size()) != node.size) return Misfit(schema, type);
  if (!fixed) AppendLong(out, static_cast<int64_t>(bytes.size()));
  out += bytes;
  return Status::Ok();
}

Status AppendNested(const AvroSchema& schema, int type, const Json& json, Limits& limits,
                    std::string& out) {
  switch (schema[type].kind) {
    case Kind::kRecord:
      if (!json.is_object()) return Misfit(schema, type);
      return AppendRecord(schema, type, json, limits, out);
    case Kind::kUnion: return AppendUnion(schema, type, json, limits, out);
    case Kind::kArray:
    case Kind::kMap: {
      bool fits = schema[type].kind == Kind::kArray ? json.is_array() : json.is_object();
      return fits ? AppendElements(schema, type, json, limits, out) : Misfit(schema, type);
    }
    case Kind::kBytes:
    case Kind::kString:
    case Kind::kEnum:
    case Kind::kFixed: return AppendText(schema, type, json, out);
    default: return AppendScalar(schema, type, json, out);
  }
}

Status Append(const AvroSchema& schema, int type, const Json& json, Limits& limits,
              std::string& out) {
  if (limits.depth >= kDeepest || ++limits.values > kMostValues) return Misfit(schema, type);
  ++limits.depth;
  Status appended = AppendNested(schema, type, json, limits, out);
  --limits.depth;
  return appended;
}

}  // namespace

Result<std::string> DefaultBytes(const AvroSchema& schema, int type, const std::string& json) {
  std::string bytes;
  Json value = Json::parse(json, nullptr, false);
  if (value.is_discarded()) return Misfit(schema, type);
  Limits limits;
  TRY(Append(schema, type, value, limits, bytes));
  return bytes;
}

}  // namespace millrace::avro
