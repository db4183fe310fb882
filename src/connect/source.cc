#include "connect/source.h"

#include <unistd.h>

#include <utility>

namespace millrace {

namespace {

class SourceReader final : public RowReader {
 public:
  explicit SourceReader(Source& source) : source_(source) {}
  Result<std::optional<Rows>> Next(std::stop_token stop) override {
    std::optional<Batch> batch = TRY(source_.Read(stop));
    if (!batch) return std::optional<Rows>();
    return std::optional(std::move(batch->rows));
  }

 private:
  Source& source_;
};

}  // namespace

LocalFile::~LocalFile() {
  if (fetched_) ::unlink(path_.c_str());  // what stays goes with the folder it is in
}

std::unique_ptr<RowReader> ReadBySource(Source& source) {
  return std::make_unique<SourceReader>(source);
}

}  // namespace millrace
