#include "data/arrow_type.h"

#include <nanoarrow/nanoarrow.h>

namespace millrace {

namespace {

ArrowType PlainArrowType(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean: return NANOARROW_TYPE_BOOL;
    case TypeKind::kTinyInt: return NANOARROW_TYPE_INT8;
    case TypeKind::kSmallInt: return NANOARROW_TYPE_INT16;
    case TypeKind::kInteger: return NANOARROW_TYPE_INT32;
    case TypeKind::kBigInt: return NANOARROW_TYPE_INT64;
    case TypeKind::kFloat: return NANOARROW_TYPE_FLOAT;
    case TypeKind::kDouble: return NANOARROW_TYPE_DOUBLE;
    case TypeKind::kBlob: return NANOARROW_TYPE_BINARY;
    case TypeKind::kDate: return NANOARROW_TYPE_DATE32;
    case TypeKind::kList: return NANOARROW_TYPE_LIST;
    case TypeKind::kMap: return NANOARROW_TYPE_MAP;
    default: return NANOARROW_TYPE_STRING;
  }
}

int SetSchema(ArrowSchema* schema, const Column& column);

// Sets the parameters and children of a type.
int SetType(ArrowSchema* schema, const Type& type) {
  switch (type.kind) {
    case TypeKind::kDecimal:
      return ArrowSchemaSetTypeDecimal(schema, NANOARROW_TYPE_DECIMAL128, type.precision,
                                       type.scale);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      return ArrowSchemaSetTypeDateTime(schema, NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_MICRO,
                                        type.kind == TypeKind::kTimestamp ? nullptr : "UTC");
    case TypeKind::kStruct: {
      NANOARROW_RETURN_NOT_OK(
          ArrowSchemaSetTypeStruct(schema, static_cast<int64_t>(type.children.size())));
      for (size_t i = 0; i < type.children.size(); ++i)
        NANOARROW_RETURN_NOT_OK(SetSchema(schema->children[i], type.children[i]));
      return NANOARROW_OK;
    }
    case TypeKind::kList:
      NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(schema, NANOARROW_TYPE_LIST));
      return SetSchema(schema->children[0], type.children[0]);
    case TypeKind::kMap: {
      NANOARROW_RETURN_NOT_OK(ArrowSchemaSetType(schema, NANOARROW_TYPE_MAP));
      ArrowSchema* entries = schema->children[0];
      NANOARROW_RETURN_NOT_OK(SetSchema(entries->children[0], type.children[0]));
      NANOARROW_RETURN_NOT_OK(SetSchema(entries->children[1], type.children[1]));
      entries->children[0]->flags &= ~ARROW_FLAG_NULLABLE;  // a key is never null
      return NANOARROW_OK;
    }
    default: return ArrowSchemaSetType(schema, PlainArrowType(type.kind));
  }
}

int SetSchema(ArrowSchema* schema, const Column& column) {
  NANOARROW_RETURN_NOT_OK(SetType(schema, column.type));
  return ArrowSchemaSetName(schema, column.name.c_str());
}

}  // namespace

bool SetArrowType(const Type& type, ArrowSchema* schema) {
  return SetType(schema, type) == NANOARROW_OK;
}

}  // namespace millrace
