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
  if (writing_.valid()) TRY(writing_.get());
  writing_ = std::async(std::launch::async,
                        [this, block = std::move(block)] { return Write(block); });
  return Status::Ok();
}

Status FrameWriter::Finish(std::string_view block) {
  if (writing_.valid()) TRY(writing_.get());
  return Write(block);
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
