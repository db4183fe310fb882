// The engine as validation uses it: opened when first asked, told of a table once, its answers
// kept.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/pipeline.h"
#include "pipeline/validation_cache.h"

namespace millrace {

using NamedShapes = std::map<std::string, Schema>;  // by name as SQL may say it

class CheckSession {
 public:
  explicit CheckSession(CheckContext& context);

  CheckContext& context() { return context_; }
  ValidationCache& cache() { return cache_; }
  Result<Session*> Engine();

  // A syntax error is kInvalid.
  Result<StatementNames> NamesIn(const std::string& sql);
  // What NamesIn will be asked: asking the engine once for all is much faster.
  void ReadAhead(const std::vector<std::string>& statements);
  // Of a statement over `shapes`.
  Result<Description> Describe(const std::string& sql, const NamedShapes& shapes);
  // Makes the shapes readable by name, and no inputs but those.
  Status Define(const NamedShapes& shapes);

 private:
  CheckContext& context_;
  ValidationCache cache_;
  std::unique_ptr<Session> session_;
  std::map<std::string, std::string> defined_;  // name → shape
};

// All that decides what an engine says of a text over shapes.
std::string KeyOf(const std::string& text, const NamedShapes& shapes);

}  // namespace millrace
