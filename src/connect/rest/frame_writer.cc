#include "connect/rest/frame_writer.h"

#include <zstd.h>

#include <utility>

#include "base/descriptor.h"

namespace millrace::rest {

namespace {

constexpr int kLevel = 1;  // the fastest that is a good one

}  // namespace

FrameWriter::FrameWriter(int file, std::string path) : file_(file), path_(std::move(path)) {}

Status FrameWriter::Put(std::string block) {
  if (!thread_.joinable()) thread_ = std::jthread([this] { Work(); });
  if (blocks_.Push(std::move(block))) return Status::Ok();
  std::lock_guard lock(mutex_);
  return failure_;
}

Status FrameWriter::Finish(std::string block) {
  if (!thread_.joinable()) return Write(block);
  Status put = Put(std::move(block));
  blocks_.Close();
  thread_.join();
  TRY(std::move(put));
  return failure_;
}

void FrameWriter::Work() {
  while (std::optional<std::string> block = blocks_.Pop()) {
    Status status = Write(*block);
    if (status.ok()) continue;
    std::lock_guard lock(mutex_);
    failure_ = std::move(status);
    blocks_.Close();
    return;
  }
}

Status FrameWriter::Write(std::string_view block) {
  if (block.empty()) return Status::Ok();
  digest_.Update(block);
  compressed_.resize(ZSTD_compressBound(block.size()));
  size_t size =
      ZSTD_compress(compressed_.data(), compressed_.size(), block.data(), block.size(), kLevel);
  if (ZSTD_isError(size)) return {Code::kExhausted, "cannot compress the answer's records"};
  TRY(WriteAll(file_, std::string_view(compressed_).substr(0, size), path_));
  frames_.push_back({static_cast<int64_t>(size), static_cast<int64_t>(block.size())});
  return Status::Ok();
}

}  // namespace millrace::rest
