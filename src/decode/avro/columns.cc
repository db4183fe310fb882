// Avro's schemas ↔ columns.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/text.h"
#include "decode/avro/avro_schema.h"

namespace millrace::avro {

namespace {

constexpr int kDeepest = 64;
constexpr int kMostDigits = 38;
constexpr int kMostColumns = 20'000;  // with nested ones: types that are named often multiply

struct Walk {
  std::vector<int> inside;  // the records that lead here
  int columns = 0;
};
Result<Type> TypeOf(const AvroSchema& schema, int type, Walk& walk);

Type Plain(TypeKind kind) { return {.kind = kind}; }

Result<Type> LogicalType(const Node& node) {
  switch (node.logical) {
    case Logical::kDecimal:
      if (node.precision > kMostDigits) {
        return Invalid(
            "a decimal of " + std::to_string(node.precision) + " digits: columns have at most 38",
            "read it by a `schema` that has it as bytes");
      }
      return Type{.kind = TypeKind::kDecimal, .precision = node.precision, .scale = node.scale};
    case Logical::kDate: return Plain(TypeKind::kDate);
    case Logical::kTimestampMillis:
    case Logical::kTimestampMicros:
    case Logical::kTimestampNanos: return Plain(TypeKind::kTimestampTz);
    case Logical::kLocalTimestampMillis:
    case Logical::kLocalTimestampMicros:
    case Logical::kLocalTimestampNanos: return Plain(TypeKind::kTimestamp);
    case Logical::kDuration: {
      Type duration{.kind = TypeKind::kStruct};
      for (const char* part : {"months", "days", "milliseconds"})
        duration.children.push_back({part, Plain(TypeKind::kBigInt)});
      return duration;
    }
    default: return Plain(TypeKind::kVarchar);  // times of day, uuid
  }
}

Result<Type> RecordType(const AvroSchema& schema, int type, Walk& walk) {
  const Node& node = schema[type];
  bool holds_itself = std::ranges::find(walk.inside, type) != walk.inside.end();
  if (holds_itself || static_cast<int>(walk.inside.size()) > kDeepest) {
    return Invalid(node.name + " holds itself, which columns cannot",
                   "read it by a `schema` without the field that does");
  }
  if (node.fields.empty())
    return Invalid(node.name + " has no fields", "read it by a `schema` without it");
  walk.inside.push_back(type);
  Type record{.kind = TypeKind::kStruct};
  std::set<std::string> seen;
  for (const Field& field : node.fields) {
    Result<Type> column = TypeOf(schema, field.type, walk);
    if (!column.ok()) return column.status().In(field.name);
    if (!seen.insert(ToLower(field.name)).second) {
      return Invalid("two fields are called '" + field.name +
                         "' when letters may be small or large, which columns cannot",
                     "read it by a `schema` with one of them, or with another name and an alias");
    }
    record.children.push_back({field.name, *std::move(column)});
  }
  walk.inside.pop_back();
  return record;
}

Result<Type> UnionType(const AvroSchema& schema, int type, Walk& walk) {
  std::vector<int> branches = schema.Branches(type);
  if (branches.empty()) return Plain(TypeKind::kVarchar);  // always null
  if (branches.size() == 1) return TypeOf(schema, branches[0], walk);
  Type any{.kind = TypeKind::kStruct};
  std::vector<std::string> names = MemberNames(schema, type);
  for (size_t i = 0; i < branches.size(); ++i)
    any.children.push_back({names[i], TRY(TypeOf(schema, branches[i], walk))});
  return any;
}

Result<Type> TypeOf(const AvroSchema& schema, int type, Walk& walk) {
  const Node& node = schema[type];
  if (++walk.columns > kMostColumns) return Invalid("the schema stands for too many columns");
  if (node.logical != Logical::kNone) return LogicalType(node);
  switch (node.kind) {
    case Kind::kBoolean: return Plain(TypeKind::kBoolean);
    case Kind::kInt: return Plain(TypeKind::kInteger);
    case Kind::kLong: return Plain(TypeKind::kBigInt);
    case Kind::kFloat: return Plain(TypeKind::kFloat);
    case Kind::kDouble: return Plain(TypeKind::kDouble);
    case Kind::kBytes:
    case Kind::kFixed: return Plain(TypeKind::kBlob);
    case Kind::kNull:
    case Kind::kEnum:
    case Kind::kString: return Plain(TypeKind::kVarchar);
    case Kind::kRecord: return RecordType(schema, type, walk);
    case Kind::kUnion: return UnionType(schema, type, walk);
    case Kind::kArray: {
      Type list{.kind = TypeKind::kList};
      list.children.push_back({"element", TRY(TypeOf(schema, node.types[0], walk))});
      return list;
    }
    case Kind::kMap: {
      Type map{.kind = TypeKind::kMap};
      map.children.push_back({"key", Plain(TypeKind::kVarchar)});
      map.children.push_back({"value", TRY(TypeOf(schema, node.types[0], walk))});
      return map;
    }
  }
  return Internal("a type of no kind");
}

// --- columns → schema

// Records below the first need names of their own: those of the path that leads to them.
class SchemaMaker {
 public:
  Result<Json> Record(const std::vector<Column>& columns, std::string name) {
    while (!names_.insert(name).second) name += '_';
    Json fields = Json::array();
    for (const Column& column : columns) {
      if (!IsName(column.name)) {
        return Invalid("column '" + column.name + "' cannot be called so in Avro",
                       "rename it in SQL: letters, digits and _ only");
      }
      Json type = TRY(Nullable(column.type, name + "_" + column.name));
      fields.push_back({{"name", column.name}, {"type", std::move(type)}, {"default", nullptr}});
    }
    return Json{{"type", "record"}, {"name", name}, {"fields", std::move(fields)}};
  }

 private:
  Result<Json> Nullable(const Type& type, const std::string& name) {
    return Json::array({"null", TRY(Value(type, name))});
  }

  Result<Json> Value(const Type& type, const std::string& name) {
    switch (type.kind) {
      case TypeKind::kBoolean: return Json("boolean");
      case TypeKind::kTinyInt:
      case TypeKind::kSmallInt:
      case TypeKind::kInteger: return Json("int");
      case TypeKind::kBigInt: return Json("long");
      case TypeKind::kFloat: return Json("float");
      case TypeKind::kDouble: return Json("double");
      case TypeKind::kVarchar: return Json("string");
      case TypeKind::kBlob: return Json("bytes");
      case TypeKind::kDecimal:
        return Json{{"type", "bytes"},
                    {"logicalType", "decimal"},
                    {"precision", type.precision},
                    {"scale", type.scale}};
      case TypeKind::kDate: return Json{{"type", "int"}, {"logicalType", "date"}};
      case TypeKind::kTimestamp:
        return Json{{"type", "long"}, {"logicalType", "local-timestamp-micros"}};
      case TypeKind::kTimestampTz:
        return Json{{"type", "long"}, {"logicalType", "timestamp-micros"}};
      case TypeKind::kStruct: return Record(type.children, name);
      case TypeKind::kList:
        return Json{{"type", "array"},
                    {"items", TRY(Nullable(type.children[0].type, name + "_element"))}};
      case TypeKind::kMap: break;
    }
    if (type.children[0].type.kind == TypeKind::kVarchar) {
      return Json{{"type", "map"},
                  {"values", TRY(Nullable(type.children[1].type, name + "_value"))}};
    }
    // Avro's maps have text as keys.
    return Json{{"type", "array"}, {"items", TRY(Record(type.children, name + "_entry"))}};
  }

  std::set<std::string> names_;
};

}  // namespace

std::vector<std::string> MemberNames(const AvroSchema& schema, int type) {
  std::vector<int> branches = schema.Branches(type);
  std::vector<std::string> names;
  std::set<std::string> seen;
  bool unique = std::ranges::all_of(branches, [&](int branch) {
    return seen.insert(ToLower(ShortName(schema.NameOf(branch)))).second;
  });
  for (int branch : branches) {
    std::string name = schema.NameOf(branch);
    if (unique) name = ShortName(name);
    std::ranges::replace(name, '.', '_');
    names.push_back(std::move(name));
  }
  return names;
}

Result<Type> ColumnTypeOf(const AvroSchema& schema, int type) {
  Walk walk;
  return TypeOf(schema, type, walk);
}

Result<Schema> ColumnsOf(const AvroSchema& schema) {
  Type type = TRY(ColumnTypeOf(schema, schema.root()));
  Schema columns;
  if (schema[schema.root()].kind != Kind::kRecord) {
    columns.columns.push_back({"value", std::move(type)});
    return columns;
  }
  columns.columns = std::move(type.children);
  return columns;
}

Result<std::string> SchemaTextOf(const Schema& columns, const std::string& name) {
  std::string space, its_name = name;
  size_t dot = name.rfind('.');
  if (dot != name.npos) space = name.substr(0, dot);
  if (dot != name.npos) its_name = name.substr(dot + 1);
  Json schema = TRY(SchemaMaker().Record(columns.columns, its_name));
  if (!space.empty()) schema["namespace"] = space;
  return schema.dump();
}

}  // namespace millrace::avro
