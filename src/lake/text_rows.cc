#include "lake/text_rows.h"

#include <nanoarrow/nanoarrow.h>

#include <algorithm>

namespace millrace {

namespace {

constexpr size_t kRowsPerBatch = 2048;

class TextReader final : public RowReader {
 public:
  TextReader(std::string column, std::vector<std::string> texts)
      : column_(std::move(column)), texts_(std::move(texts)) {}

  Result<std::optional<Rows>> Next(std::stop_token stop) override {
    if (stop.stop_requested()) return Canceled();
    if (at_ >= texts_.size()) return std::optional<Rows>();
    ArrowSchema schema = {};
    ArrowArray array = {};
    size_t end = std::min(at_ + kRowsPerBatch, texts_.size());
    bool filled = Fill(schema, array, end);
    if (!filled) {
      if (schema.release) schema.release(&schema);
      if (array.release) array.release(&array);
      return Status(Code::kExhausted, "no memory for a batch of rows");
    }
    at_ = end;
    return std::optional(Rows::Adopt(&schema, &array));
  }

 private:
  bool Fill(ArrowSchema& schema, ArrowArray& array, size_t end) {
    ArrowSchemaInit(&schema);
    if (ArrowSchemaSetTypeStruct(&schema, 1) != NANOARROW_OK) return false;
    if (ArrowSchemaSetType(schema.children[0], NANOARROW_TYPE_STRING) != NANOARROW_OK) return false;
    if (ArrowSchemaSetName(schema.children[0], column_.c_str()) != NANOARROW_OK) return false;
    if (ArrowArrayInitFromSchema(&array, &schema, nullptr) != NANOARROW_OK) return false;
    if (ArrowArrayStartAppending(&array) != NANOARROW_OK) return false;
    for (size_t i = at_; i < end; ++i) {
      ArrowStringView view{texts_[i].data(), static_cast<int64_t>(texts_[i].size())};
      if (ArrowArrayAppendString(array.children[0], view) != NANOARROW_OK) return false;
      if (ArrowArrayFinishElement(&array) != NANOARROW_OK) return false;
    }
    return ArrowArrayFinishBuildingDefault(&array, nullptr) == NANOARROW_OK;
  }

  const std::string column_;
  const std::vector<std::string> texts_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<RowReader> ReadTexts(std::string column, std::vector<std::string> texts) {
  return std::make_unique<TextReader>(std::move(column), std::move(texts));
}

}  // namespace millrace
