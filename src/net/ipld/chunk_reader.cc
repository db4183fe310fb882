#include "net/ipld/chunk_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/descriptor.h"
#include "net/ipld/dag_builder.h"

namespace millrace::ipld {

namespace {

constexpr size_t kMaxChunks = 256;  // of a batch
constexpr size_t kLeastWindow = 12;  // batches: with two cores, too, nobody waits for one

Status Changed(const std::string& path) {
  return {Code::kUnavailable, path + " changed while it was read", "try again when it is at rest"};
}

Status ReadChunk(int fd, const Chunk& chunk, char* to) {
  // One byte more than the last chunk has tells whether the file grew.
  const size_t wanted = chunk.size + (chunk.last ? 1 : 0);
  size_t got = 0;
  while (got < wanted) {
    ssize_t part = pread(fd, to + got, wanted - got, chunk.offset + static_cast<int64_t>(got));
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return FromErrno("cannot read " + chunk.step.path, errno);
    if (part == 0) break;
    got += static_cast<size_t>(part);
  }
  return got == chunk.size ? Status::Ok() : Changed(chunk.step.path);
}

}  // namespace

ChunkReader::ChunkReader(TreeWalk walk, int threads, std::stop_token stop)
    : walk_(std::move(walk)),
      stop_(std::move(stop)),
      window_(std::max(kLeastWindow, 2 + 2 * static_cast<size_t>(threads))),
      todo_(window_) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

ChunkReader::~ChunkReader() {
  todo_.Close();
  while (todo_.Pop()) {
  }
}

void ChunkReader::Work() {
  while (std::optional<Batch*> batch = todo_.Pop()) {
    (*batch)->status = Read(**batch);
    (*batch)->done = true;
    (*batch)->done.notify_one();
  }
}

Status ChunkReader::Read(Batch& batch) {
  size_t total = 1;
  for (const Chunk& chunk : batch.chunks) total += chunk.size;
  if (batch.buffer.size() < total) batch.buffer.resize(total);
  char* to = batch.buffer.data();
  for (Chunk& chunk : batch.chunks) {
    if (chunk.step.kind != WalkStep::kFile) continue;
    Descriptor file(open(chunk.step.path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return FromErrno("cannot read " + chunk.step.path, errno);
    TRY(ReadChunk(file.get(), chunk, to));
    chunk.data = {to, chunk.size};
    chunk.digest = DigestOf(chunk.data);
    to += chunk.size;
  }
  return Status::Ok();
}

Result<std::unique_ptr<ChunkReader::Batch>> ChunkReader::NextBatch() {
  std::unique_ptr<Batch> batch;
  if (spare_.empty()) {
    batch = std::make_unique<Batch>();
  } else {
    batch = std::move(spare_.back());
    spare_.pop_back();
    batch->chunks.clear();
    batch->done = false;
  }
  size_t bytes = 0;
  while (bytes < kChunkSize && batch->chunks.size() < kMaxChunks) {
    if (!has_pending_) {
      std::optional<WalkStep> step = TRY(walk_.Next());
      if (!step) {
        walked_ = true;
        break;
      }
      pending_ = Chunk{.step = *std::move(step)};
      has_pending_ = true;
    }
    int64_t left = pending_.step.size - pending_.offset;
    Chunk chunk = pending_;
    chunk.size = static_cast<size_t>(std::min<int64_t>(left, kChunkSize));
    chunk.last = chunk.size == static_cast<size_t>(left);
    if (bytes > 0 && bytes + chunk.size > kChunkSize) break;
    bytes += chunk.size;
    pending_.offset += static_cast<int64_t>(chunk.size);
    has_pending_ = !chunk.last;
    batch->chunks.push_back(std::move(chunk));
  }
  return batch;
}

Status ChunkReader::Fill() {
  while (!walked_ && batches_.size() < window_) {
    std::unique_ptr<Batch> batch = TRY(NextBatch());
    if (batch->chunks.empty()) break;
    batches_.push_back(std::move(batch));
    if (!todo_.Push(batches_.back().get(), stop_)) return Canceled();
  }
  return Status::Ok();
}

Result<const Chunk*> ChunkReader::Next() {
  if (stop_.stop_requested()) return Canceled();
  if (!batches_.empty() && next_ == batches_.front()->chunks.size()) {
    spare_.push_back(std::move(batches_.front()));
    batches_.pop_front();
    next_ = 0;
  }
  if (next_ == 0) {
    TRY(Fill());
    if (batches_.empty()) return static_cast<const Chunk*>(nullptr);
    batches_.front()->done.wait(false);
    TRY(Status(batches_.front()->status));
  }
  return &batches_.front()->chunks[next_++];
}

}  // namespace millrace::ipld
