// A value that must never be shown. Whoever prints it prints ***.
#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace millrace {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  // The one way to the value; use it only at the call that needs it.
  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  std::string value_;
};

inline std::ostream& operator<<(std::ostream& out, const Secret&) { return out << "***"; }
inline std::string ToString(const Secret&) { return "***"; }

}  // namespace millrace
