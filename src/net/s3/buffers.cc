#include "net/s3/buffers.h"

#include <bit>

#include "base/time.h"

namespace millrace::s3 {

namespace {

constexpr size_t kSmallest = 64 << 10;
constexpr size_t kStep = 1 << 20;

// Few sizes, so that buffers fit each other's needs: powers of two, and whole MiB above.
size_t RoundUp(size_t size) {
  if (size <= kSmallest) return kSmallest;
  return size <= kStep ? std::bit_ceil(size) : (size + kStep - 1) / kStep * kStep;
}

}  // namespace

std::shared_ptr<Buffer> BufferPool::TakeLocked(size_t size) {
  size_t capacity = RoundUp(size);
  std::unique_ptr<Buffer> buffer;
  if (auto found = free_.find(capacity); found != free_.end()) {
    buffer = std::move(found->second);
    free_.erase(found);
    kept_ -= capacity;
  } else {
    if (out_ + capacity > limit_) return nullptr;
    while (out_ + kept_ + capacity > limit_) {
      auto largest = std::prev(free_.end());
      kept_ -= largest->first;
      free_.erase(largest);
    }
    buffer = std::make_unique<Buffer>(capacity);
  }
  out_ += capacity;
  buffer->size = size;
  return {buffer.release(), [pool = shared_from_this()](Buffer* each) { pool->GiveBack(each); }};
}

std::shared_ptr<Buffer> BufferPool::TryTake(size_t size) {
  std::lock_guard lock(mutex_);
  return TakeLocked(size);
}

Result<std::shared_ptr<Buffer>> BufferPool::Take(size_t size, std::stop_token stop) {
  if (RoundUp(size) > limit_) {
    return Status(Code::kExhausted,
                  "a part of " + FormatBytes(static_cast<int64_t>(size)) +
                      " is more than the memory for objects, " +
                      FormatBytes(static_cast<int64_t>(limit_)),
                  "raise memory_limit of the S3 connection");
  }
  std::unique_lock lock(mutex_);
  std::shared_ptr<Buffer> buffer;
  if (!freed_.wait(lock, stop, [&] { return (buffer = TakeLocked(size)) != nullptr; })) {
    return Canceled();
  }
  return buffer;
}

void BufferPool::GiveBack(Buffer* buffer) {
  std::lock_guard lock(mutex_);
  out_ -= buffer->capacity();
  kept_ += buffer->capacity();
  free_.emplace(buffer->capacity(), buffer);
  freed_.notify_all();
}

}  // namespace millrace::s3
