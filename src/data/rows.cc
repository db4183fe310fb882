#include "data/rows.h"

#include <nanoarrow/nanoarrow.h>

namespace millrace {

struct Rows::Owned {
  ArrowSchema schema{};
  ArrowArray array{};
  ~Owned() {
    if (array.release != nullptr) array.release(&array);
    if (schema.release != nullptr) schema.release(&schema);
  }
};

Rows Rows::Adopt(ArrowSchema* schema, ArrowArray* array) {
  auto owned = std::make_shared<Owned>();
  ArrowSchemaMove(schema, &owned->schema);
  ArrowArrayMove(array, &owned->array);
  Rows rows;
  rows.owned_ = std::move(owned);
  return rows;
}

int64_t Rows::count() const { return owned_ ? owned_->array.length : 0; }
const ArrowSchema* Rows::schema() const { return owned_ ? &owned_->schema : nullptr; }
const ArrowArray* Rows::array() const { return owned_ ? &owned_->array : nullptr; }

}  // namespace millrace
