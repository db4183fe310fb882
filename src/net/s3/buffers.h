// The memory that objects pass through: bounded, and used again instead of given back.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stop_token>
#include <string_view>

#include "base/status.h"

namespace millrace::s3 {

// Not thread-safe: it belongs to one request at a time.
class Buffer {
 public:
  explicit Buffer(size_t capacity)
      : data_(new (std::align_val_t{kAlignment}) char[capacity]), capacity_(capacity) {}
  ~Buffer() { ::operator delete[](data_, std::align_val_t{kAlignment}); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* data() { return data_; }
  size_t capacity() const { return capacity_; }
  size_t size = 0;  // bytes in use
  std::string_view bytes() const { return {data_, size}; }

 private:
  static constexpr size_t kAlignment = 4096;  // a page's, as writing past the cache wants it

  char* const data_;
  const size_t capacity_;
};

// A buffer goes back when its last owner is gone; the pool lives as long as one is out.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  explicit BufferPool(size_t limit) : limit_(limit) {}

  // For `size` bytes, its size set. nullptr when that much is not free now. Who holds buffers must
  // not wait for more, or all would wait for each other.
  std::shared_ptr<Buffer> TryTake(size_t size);
  // Waits. kExhausted when it can never be had.
  Result<std::shared_ptr<Buffer>> Take(size_t size, std::stop_token stop);

 private:
  std::shared_ptr<Buffer> TakeLocked(size_t size);
  void GiveBack(Buffer* buffer);

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable_any freed_;
  size_t out_ = 0;                                       // bytes of buffers in use
  size_t kept_ = 0;                                      // bytes in free_
  std::multimap<size_t, std::unique_ptr<Buffer>> free_;  // by capacity
};

}  // namespace millrace::s3
