// What of an upload is done: a file of JSON, one step a key. Durable, so that an upload goes on
// where it stopped.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace::content {

// Thread-safe.
class Journal {
 public:
  // Reads the file when it is there. kInvalid: it is no journal.
  static Result<Journal> Open(std::string path);

  Journal(Journal&& other) noexcept;

  // nullopt: that step was not done.
  std::optional<std::string> Find(const std::string& step) const;
  // Durable on return. No secret may be in it.
  Status Record(const std::string& step, std::string_view value);
  Status Forget(const std::string& step);
  std::map<std::string, std::string> All() const;

 private:
  explicit Journal(std::string path) : path_(std::move(path)) {}
  Status Write(const std::map<std::string, std::string>& steps);

  std::string path_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> steps_;
};

}  // namespace millrace::content
