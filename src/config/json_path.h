// Paths into JSON documents: a small subset of RFC 9535.
//
//   data.items          members by name, joined by dots
//   data.items[0]       an element, from 0; [-1] is the last
//   data[*].scores      every element of a list
//   'odd name'.x        a name in quotes may hold anything
//   $.data              a leading $ may be there; "" or "$" is the document itself
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/json.h"

namespace millrace {

struct JsonStep {
  enum class Kind { kName, kIndex, kEvery } kind = Kind::kName;
  std::string name;
  int64_t index = 0;
};

class JsonPath {
 public:
  static Result<JsonPath> Parse(std::string_view text);

  const std::vector<JsonStep>& steps() const { return steps_; }
  // What it leads to first, in the order of the document, or null.
  const Json* First(const Json& document) const;

 private:
  std::vector<JsonStep> steps_;
};

}  // namespace millrace
