#include <nanoarrow/nanoarrow.hpp>

#include "base/hash.h"
#include "base/storage.h"
#include "lines.h"

namespace millrace::lines {

namespace {

constexpr size_t kMaxBytes = size_t{64} << 20;  // of one commit: it is kept until then

// A file's name is made of the task and the commit: one id is one file, however often it is put.
class LinesSink final : public Sink {
 public:
  LinesSink(std::string folder, const std::string& task)
      : folder_(std::move(folder)),
        prefix_(Sha256Hex(task).substr(0, 12) + "-"),
        storage_(OpenLocalStorage(folder_)) {}

  Status Probe(std::stop_token) override { return storage_->List("").status(); }

  Result<std::optional<Committed>> LastCommit(std::string_view task, std::stop_token) override {
    std::string prefix = Sha256Hex(task).substr(0, 12) + "-";
    std::optional<Committed> last;
    for (const FileInfo& file : TRY(storage_->List(""))) {
      if (!file.path.starts_with(prefix)) continue;
      int64_t sequence = std::atoll(file.path.c_str() + prefix.size());
      if (!last || last->sequence < sequence) last = Committed{sequence, ""};
    }
    return last;
  }

  Status Open(const Schema& schema, const WriteIntent&, std::stop_token) override {
    const Column* line = schema.Find("line");
    if (line && line->type.kind == TypeKind::kVarchar && schema.columns.size() == 1) {
      return Status::Ok();
    }
    return Invalid("the rows need one column, 'line', of text", "SELECT … AS line FROM input");
  }

  Status Write(const Rows& rows, std::stop_token) override {
    nanoarrow::UniqueArrayView view;
    if (ArrowArrayViewInitFromSchema(view.get(), rows.schema(), nullptr) != NANOARROW_OK ||
        ArrowArrayViewSetArray(view.get(), rows.array(), nullptr) != NANOARROW_OK) {
      return Internal("rows that are not what their schema says");
    }
    for (int64_t row = 0; row < rows.count(); ++row) {
      ArrowStringView text = ArrowArrayViewGetStringUnsafe(view->children[0], row);
      text_.append(text.data, static_cast<size_t>(text.size_bytes)) += '\n';
    }
    if (text_.size() <= kMaxBytes) return Status::Ok();
    return {Code::kExhausted, "more lines in a commit than the lines sink can keep"};
  }

  Status Commit(const CommitInfo& commit, std::stop_token) override {
    return storage_->Put(prefix_ + std::to_string(commit.id.sequence) + ".txt", text_);
  }

  std::string Target() const override { return folder_; }

 private:
  const std::string folder_, prefix_;
  const std::unique_ptr<Storage> storage_;
  std::string text_;
};

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  std::string folder = context.folder + "/" + config.folder;
  return std::unique_ptr<Sink>(new LinesSink(folder, context.task));
}

}  // namespace millrace::lines
