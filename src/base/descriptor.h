// An open file of the operating system.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

// Closes what it holds on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  int get() const { return fd_; }
  // Close tells of writes that failed late (a network file system, a quota): who wrote must ask.
  // 0, or errno.
  int Close();

 private:
  int fd_;
};

// All of the bytes, however many calls that takes. `path` is for the message.
Status WriteAll(int fd, std::string_view bytes, const std::string& path);

}  // namespace millrace
