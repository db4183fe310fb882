#include "data/rows_columns.h"

#include <nanoarrow/nanoarrow.hpp>
#include <utility>

namespace millrace {

namespace {

struct Taken {
  const Rows* rows;
  size_t column;
};

// A child that belongs to rows of others: releasing it lets go of them.
void Borrow(const Rows& owner, const ArrowArray& from, ArrowArray* to) {
  *to = from;
  to->private_data = new Rows(owner);
  to->release = [](ArrowArray* array) {
    delete static_cast<Rows*>(array->private_data);
    array->release = nullptr;
  };
}

Result<Rows> Assemble(const std::vector<Taken>& columns, int64_t count) {
  nanoarrow::UniqueSchema schema;
  nanoarrow::UniqueArray array;
  auto number = static_cast<int64_t>(columns.size());
  ArrowSchemaInit(schema.get());
  bool ok = ArrowSchemaSetTypeStruct(schema.get(), number) == NANOARROW_OK &&
            ArrowArrayInitFromType(array.get(), NANOARROW_TYPE_STRUCT) == NANOARROW_OK &&
            ArrowArrayAllocateChildren(array.get(), number) == NANOARROW_OK;
  for (int64_t i = 0; ok && i < number; ++i) {
    const auto& [rows, column] = columns[static_cast<size_t>(i)];
    ArrowSchemaRelease(schema->children[i]);
    ok = ArrowSchemaDeepCopy(rows->schema()->children[column], schema->children[i]) == NANOARROW_OK;
    if (ok) Borrow(*rows, *rows->array()->children[column], array->children[i]);
  }
  if (!ok) return Status(Code::kExhausted, "no memory for a batch of rows");
  array->length = count;
  array->null_count = 0;
  return Rows::Adopt(schema.get(), array.get());
}

// An offset of the whole would have to be carried into each column.
Status CheckOffset(const Rows& rows) {
  bool plain = rows.array() != nullptr && rows.array()->offset == 0;
  return plain ? Status::Ok() : Internal("rows that begin within their buffers");
}

}  // namespace

Result<Rows> JoinColumns(const Rows& left, const Rows& right) {
  TRY(CheckOffset(left));
  TRY(CheckOffset(right));
  if (left.count() != right.count()) return Internal("columns of different lengths");
  std::vector<Taken> columns;
  for (const Rows* rows : {&left, &right}) {
    for (int64_t i = 0; i < rows->array()->n_children; ++i)
      columns.push_back({rows, static_cast<size_t>(i)});
  }
  return Assemble(columns, left.count());
}

Result<Rows> SelectColumns(const Rows& rows, const std::vector<size_t>& columns) {
  TRY(CheckOffset(rows));
  std::vector<Taken> taken;
  for (size_t column : columns) taken.push_back({&rows, column});
  return Assemble(taken, rows.count());
}

}  // namespace millrace
