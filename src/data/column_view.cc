#include "data/column_view.h"

#include <nanoarrow/nanoarrow.h>

#include <string>

namespace millrace {

namespace {

Status Unknown(const ArrowSchema& schema) {
  return Invalid(
      std::string("column '") + (schema.name ? schema.name : "") +
          "' has a type that cannot be read here: " + (schema.format ? schema.format : ""),
      "cast it in SQL to a type of the lake");
}

struct Kind {
  TypeKind kind;
  int width = 0;
};

bool KindOf(ArrowType type, bool zoned, Kind& out) {
  switch (type) {
    case NANOARROW_TYPE_BOOL: out = {TypeKind::kBoolean}; return true;
    case NANOARROW_TYPE_INT8: out = {TypeKind::kTinyInt, 1}; return true;
    case NANOARROW_TYPE_INT16: out = {TypeKind::kSmallInt, 2}; return true;
    case NANOARROW_TYPE_INT32: out = {TypeKind::kInteger, 4}; return true;
    case NANOARROW_TYPE_INT64: out = {TypeKind::kBigInt, 8}; return true;
    case NANOARROW_TYPE_FLOAT: out = {TypeKind::kFloat, 4}; return true;
    case NANOARROW_TYPE_DOUBLE: out = {TypeKind::kDouble, 8}; return true;
    case NANOARROW_TYPE_DECIMAL128: out = {TypeKind::kDecimal, 16}; return true;
    case NANOARROW_TYPE_STRING:
    case NANOARROW_TYPE_LARGE_STRING: out = {TypeKind::kVarchar}; return true;
    case NANOARROW_TYPE_BINARY:
    case NANOARROW_TYPE_LARGE_BINARY: out = {TypeKind::kBlob}; return true;
    case NANOARROW_TYPE_DATE32: out = {TypeKind::kDate, 4}; return true;
    case NANOARROW_TYPE_TIMESTAMP:
      out = {zoned ? TypeKind::kTimestampTz : TypeKind::kTimestamp, 8};
      return true;
    case NANOARROW_TYPE_LIST:
    case NANOARROW_TYPE_LARGE_LIST: out = {TypeKind::kList}; return true;
    case NANOARROW_TYPE_MAP: out = {TypeKind::kMap}; return true;
    case NANOARROW_TYPE_STRUCT: out = {TypeKind::kStruct}; return true;
    default: return false;
  }
}

bool IsWide(ArrowType type) {
  return type == NANOARROW_TYPE_LARGE_STRING || type == NANOARROW_TYPE_LARGE_BINARY ||
         type == NANOARROW_TYPE_LARGE_LIST;
}

const uint8_t* Buffer(const ArrowArray& array, int64_t index) {
  return index < array.n_buffers ? static_cast<const uint8_t*>(array.buffers[index]) : nullptr;
}

}  // namespace

Status RowsView::Fill(const ArrowSchema& schema, const ArrowArray& array, int64_t offset,
                      ColumnView& view) {
  ArrowSchemaView parsed{};
  Kind kind{};
  bool known = schema.dictionary == nullptr &&
               ArrowSchemaViewInit(&parsed, &schema, nullptr) == NANOARROW_OK &&
               KindOf(parsed.type, parsed.timezone != nullptr && *parsed.timezone != '\0', kind);
  if (!known) return Unknown(schema);
  view.type_.kind = kind.kind;
  view.width_ = kind.width;
  view.wide_offsets_ = IsWide(parsed.type);
  view.offset_ = array.offset + offset;
  view.validity_ = Buffer(array, 0);
  view.values_ = Buffer(array, 1);
  view.data_ = Buffer(array, 2);
  if (kind.kind == TypeKind::kDecimal) {
    view.type_.precision = parsed.decimal_precision;
    view.type_.scale = parsed.decimal_scale;
  }
  if (parsed.type == NANOARROW_TYPE_TIMESTAMP) {
    if (parsed.time_unit == NANOARROW_TIME_UNIT_SECOND) view.multiply_ = 1'000'000;
    if (parsed.time_unit == NANOARROW_TIME_UNIT_MILLI) view.multiply_ = 1000;
    if (parsed.time_unit == NANOARROW_TIME_UNIT_NANO) view.divide_ = 1000;
  }
  const ArrowSchema* below = &schema;
  const ArrowArray* arrays = &array;
  int64_t below_offset = kind.kind == TypeKind::kStruct ? view.offset_ : 0;
  if (kind.kind == TypeKind::kMap) {
    below = schema.children[0];
    arrays = array.children[0];
    below_offset = arrays->offset;
  }
  for (int64_t i = 0; i < below->n_children; ++i) {
    ColumnView& child = view.children_.emplace_back();
    TRY(Fill(*below->children[i], *arrays->children[i], below_offset, child));
    const char* name = below->children[i]->name;
    view.type_.children.push_back({name ? name : "", child.type_});
  }
  return Status::Ok();
}

Result<RowsView> RowsView::Of(const Rows& rows) {
  RowsView view;
  view.rows_ = rows;
  if (rows.schema() == nullptr) return view;
  ColumnView all;
  TRY(Fill(*rows.schema(), *rows.array(), 0, all));
  view.columns_ = std::move(all.children_);
  return view;
}

}  // namespace millrace
