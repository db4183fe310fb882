// One call between two failpoints.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/failpoint.h"
#include "base/status.h"

namespace millrace {

template <class Call>
auto FaultyCall(std::string_view room, std::string_view method, Call call) -> decltype(call()) {
  std::string point = std::string(room) + "." + std::string(method);
  TRY(Failpoint(point + ".before"));
  auto result = call();
  if (!result.ok()) return result;
  TRY(Failpoint(point + ".after"));  // the call was made, its caller is told that it failed
  return result;
}

}  // namespace millrace
