// The whole error story: a Status says what happened and, by its code, what to do about it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace millrace {

enum class Code {
  kOk,
  kInvalid,      // the configuration or a statement is wrong: fix it
  kNotFound,     // a file, table, task or run that was named does not exist
  kRejected,     // rows are wrong: they go aside, or the task fails where nobody takes them
  kQuality,      // a quality gate said no
  kUnavailable,  // the other side does not answer: retry
  kConflict,     // somebody else was faster: re-read and try again
  kExhausted,    // disk, memory or a limit is used up: free it or raise the limit
  kCanceled,     // asked to stop
  kInternal,     // a bug in Millrace
};

std::string_view CodeName(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  // `hint` is the next step for the user, one sentence; may be empty.
  Status(Code code, std::string message, std::string hint = "")
      : code_(code), message_(std::move(message)), hint_(std::move(hint)) {}

  static Status Ok() { return {}; }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }

  // The same status with "context: " before its message.
  Status In(std::string_view context) const;
  // "message (hint)", or "ok".
  std::string ToString() const;

 private:
  Code code_ = Code::kOk;
  std::string message_;
  std::string hint_;
};

inline Status Invalid(std::string message, std::string hint = "") {
  return {Code::kInvalid, std::move(message), std::move(hint)};
}
inline Status NotFound(std::string message, std::string hint = "") {
  return {Code::kNotFound, std::move(message), std::move(hint)};
}
inline Status Internal(std::string message) { return {Code::kInternal, std::move(message)}; }
inline Status Canceled() { return {Code::kCanceled, "stopped on request"}; }

// The status of a failed system call: the message is "what: strerror". What is used up becomes
// kExhausted, ENOENT kNotFound, a device that does not answer kUnavailable, all else kInvalid.
Status FromErrno(std::string_view what, int error);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit by design
    if (status_.ok()) status_ = Internal("a Result was made from an ok Status");
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  Code code() const { return status_.code(); }

  // Precondition: ok().
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return *std::move(value_); }
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T operator*() && { return *std::move(value_); }  // by value: `for (x : *List())` keeps it alive
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

namespace internal {
inline Status TakeStatus(Status&& status) { return std::move(status); }
template <class T>
Status TakeStatus(Result<T>&& result) {
  return result.status();
}
inline void TakeValue(Status&&) {}
template <class T>
T TakeValue(Result<T>&& result) {
  return std::move(result).value();
}
}  // namespace internal

// TRY(x): the value of a Result, or returns its Status from the calling function. Also for Status.
#define TRY(expression)                                               \
  ({                                                                  \
    auto try_result = (expression);                                   \
    if (!try_result.ok()) {                                           \
      return ::millrace::internal::TakeStatus(std::move(try_result)); \
    }                                                                 \
    ::millrace::internal::TakeValue(std::move(try_result));           \
  })

}  // namespace millrace
