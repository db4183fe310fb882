#include "data/schema.h"

#include "base/text.h"

namespace millrace {

std::string Type::ToSql() const {
  switch (kind) {
    case TypeKind::kBoolean: return "BOOLEAN";
    case TypeKind::kTinyInt: return "TINYINT";
    case TypeKind::kSmallInt: return "SMALLINT";
    case TypeKind::kInteger: return "INTEGER";
    case TypeKind::kBigInt: return "BIGINT";
    case TypeKind::kFloat: return "FLOAT";
    case TypeKind::kDouble: return "DOUBLE";
    case TypeKind::kDecimal:
      return "DECIMAL(" + std::to_string(precision) + "," + std::to_string(scale) + ")";
    case TypeKind::kVarchar: return "VARCHAR";
    case TypeKind::kBlob: return "BLOB";
    case TypeKind::kDate: return "DATE";
    case TypeKind::kTimestamp: return "TIMESTAMP";
    case TypeKind::kTimestampTz: return "TIMESTAMP WITH TIME ZONE";
    case TypeKind::kList: return children[0].type.ToSql() + "[]";
    case TypeKind::kMap:
      return "MAP(" + children[0].type.ToSql() + ", " + children[1].type.ToSql() + ")";
    case TypeKind::kStruct: {
      std::vector<std::string> fields;
      for (const Column& field : children)
        fields.push_back(SqlName(field.name) + " " + field.type.ToSql());
      return "STRUCT(" + Join(fields, ", ") + ")";
    }
  }
  return "VARCHAR";
}

bool Type::operator==(const Type&) const = default;
bool Column::operator==(const Column&) const = default;

const Column* Schema::Find(std::string_view name) const {
  std::string wanted = ToLower(name);
  for (const Column& column : columns) {
    if (ToLower(column.name) == wanted) return &column;
  }
  return nullptr;
}

std::vector<std::string> Schema::Names() const {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

}  // namespace millrace
