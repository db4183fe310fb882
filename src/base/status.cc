#include "base/status.h"

#include <cerrno>
#include <cstring>

namespace millrace {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kInvalid: return "invalid";
    case Code::kNotFound: return "not found";
    case Code::kRejected: return "rejected";
    case Code::kQuality: return "quality";
    case Code::kUnavailable: return "unavailable";
    case Code::kConflict: return "conflict";
    case Code::kExhausted: return "exhausted";
    case Code::kCanceled: return "canceled";
    case Code::kInternal: return "internal";
  }
  return "internal";
}

Status Status::In(std::string_view context) const {
  if (ok()) return *this;
  return {code_, std::string(context) + ": " + message_, hint_};
}

std::string Status::ToString() const {
  if (ok()) return "ok";
  return hint_.empty() ? message_ : message_ + " (" + hint_ + ")";
}

Status FromErrno(std::string_view what, int error) {
  std::string message = std::string(what) + ": " + std::strerror(error);
  switch (error) {
    case ENOENT: return {Code::kNotFound, message};
    case ENOSPC: return {Code::kExhausted, message, "free some disk space, then resume the run"};
    case EDQUOT:
      return {Code::kExhausted, message, "raise the quota or free space, then resume the run"};
    case EMFILE:
    case ENFILE: return {Code::kExhausted, message, "raise the limit of open files (ulimit -n)"};
    case EACCES:
    case EPERM: return {Code::kInvalid, message, "give this user the right to it"};
    case EROFS:
      return {Code::kInvalid, message, "the file system is read-only: choose another folder"};
    case ENOMEM: return {Code::kExhausted, message, "free some memory"};
    case EIO:
    case ESTALE:
    case ETIMEDOUT: return {Code::kUnavailable, message};
    default: return {Code::kInvalid, message};
  }
}

}  // namespace millrace
