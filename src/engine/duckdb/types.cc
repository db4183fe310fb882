#include "engine/duckdb/types.h"

#include <duckdb.h>

#include <string>

namespace millrace::duck {

namespace {

LakeType Exact(TypeKind kind) { return {.type = {.kind = kind}}; }
LakeType Cast(TypeKind kind) { return {.type = {.kind = kind}, .exact = false}; }
LakeType CastDecimal(int precision) {
  return {.type = {.kind = TypeKind::kDecimal, .precision = precision}, .exact = false};
}

std::string Take(char* text) {
  std::string taken = text != nullptr ? text : "";
  duckdb_free(text);
  return taken;
}

// Converts and destroys the type of a child; adds it to `parent`.
void AddChild(LakeType& parent, std::string name, duckdb_logical_type child) {
  LakeType converted = ToLakeType(child);
  duckdb_destroy_logical_type(&child);
  parent.exact = parent.exact && converted.exact;
  parent.type.children.push_back({std::move(name), std::move(converted.type)});
}

LakeType Nested(duckdb_logical_type type, DUCKDB_TYPE id) {
  LakeType nested;
  switch (id) {
    case DUCKDB_TYPE_ARRAY:
      nested.type.kind = TypeKind::kList;
      nested.exact = false;
      AddChild(nested, "element", duckdb_array_type_child_type(type));
      break;
    case DUCKDB_TYPE_LIST:
      nested.type.kind = TypeKind::kList;
      AddChild(nested, "element", duckdb_list_type_child_type(type));
      break;
    case DUCKDB_TYPE_MAP:
      nested.type.kind = TypeKind::kMap;
      AddChild(nested, "key", duckdb_map_type_key_type(type));
      AddChild(nested, "value", duckdb_map_type_value_type(type));
      break;
    default:
      nested.type.kind = TypeKind::kStruct;
      for (idx_t i = 0; i < duckdb_struct_type_child_count(type); ++i) {
        AddChild(nested, Take(duckdb_struct_type_child_name(type, i)),
                 duckdb_struct_type_child_type(type, i));
      }
  }
  return nested;
}

}  // namespace

LakeType ToLakeType(_duckdb_logical_type* type) {
  DUCKDB_TYPE id = duckdb_get_type_id(type);
  switch (id) {
    case DUCKDB_TYPE_BOOLEAN: return Exact(TypeKind::kBoolean);
    case DUCKDB_TYPE_TINYINT: return Exact(TypeKind::kTinyInt);
    case DUCKDB_TYPE_SMALLINT: return Exact(TypeKind::kSmallInt);
    case DUCKDB_TYPE_INTEGER: return Exact(TypeKind::kInteger);
    case DUCKDB_TYPE_BIGINT: return Exact(TypeKind::kBigInt);
    case DUCKDB_TYPE_UTINYINT: return Cast(TypeKind::kSmallInt);
    case DUCKDB_TYPE_USMALLINT: return Cast(TypeKind::kInteger);
    case DUCKDB_TYPE_INTEGER_LITERAL: return Cast(TypeKind::kInteger);
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_HUGEINT: return Cast(TypeKind::kBigInt);
    case DUCKDB_TYPE_UBIGINT: return CastDecimal(20);
    case DUCKDB_TYPE_UHUGEINT: return CastDecimal(38);
    case DUCKDB_TYPE_FLOAT: return Exact(TypeKind::kFloat);
    case DUCKDB_TYPE_DOUBLE: return Exact(TypeKind::kDouble);
    case DUCKDB_TYPE_DECIMAL:
      return {.type = {.kind = TypeKind::kDecimal,
                       .precision = duckdb_decimal_width(type),
                       .scale = duckdb_decimal_scale(type)}};
    case DUCKDB_TYPE_VARCHAR: {
      bool plain =
          Take(duckdb_logical_type_get_alias(type)).empty();  // JSON is a VARCHAR with an alias
      return plain ? Exact(TypeKind::kVarchar) : Cast(TypeKind::kVarchar);
    }
    case DUCKDB_TYPE_BLOB: return Exact(TypeKind::kBlob);
    case DUCKDB_TYPE_DATE: return Exact(TypeKind::kDate);
    case DUCKDB_TYPE_TIMESTAMP: return Exact(TypeKind::kTimestamp);
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS: return Cast(TypeKind::kTimestamp);
    case DUCKDB_TYPE_TIMESTAMP_TZ: return Exact(TypeKind::kTimestampTz);
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_ARRAY:
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_MAP: return Nested(type, id);
    case DUCKDB_TYPE_SQLNULL: {
      LakeType null = Cast(TypeKind::kVarchar);
      null.untyped = true;
      return null;
    }
    default: return Cast(TypeKind::kVarchar);
  }
}

}  // namespace millrace::duck
