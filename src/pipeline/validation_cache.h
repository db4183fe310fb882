// What validation found out, kept from one time to the next: schemas of files and statements, the
// names in statements, what was found good. A cache: losing it costs time only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/json.h"
#include "data/schema.h"
#include "engine/engine.h"

namespace millrace {

// Keys are any text that decides the answer; they are kept as hashes. Only answers without a fault
// are kept.
class ValidationCache {
 public:
  // `file`: "" keeps nothing. A missing or damaged file, or one of another program, is an empty
  // cache.
  explicit ValidationCache(std::string file);
  // Writes what was added; a failure is no fault of the pipeline's and is not told.
  ~ValidationCache();
  ValidationCache(const ValidationCache&) = delete;
  ValidationCache& operator=(const ValidationCache&) = delete;

  std::optional<Schema> FindSchema(const std::string& key);
  void AddSchema(const std::string& key, const Schema& schema);
  std::optional<StatementNames> FindNames(const std::string& sql);
  void AddNames(const std::string& sql, const StatementNames& names);
  bool IsGood(const std::string& key);
  void AddGood(const std::string& key);

 private:
  struct Entries;

  const Json* Find(const std::string& hash);
  void Add(const std::string& hash, Json value);

  std::string file_;
  std::unique_ptr<Entries> entries_;
};

// The shape as text: equal for equal shapes.
std::string ShapeText(const Schema& schema);

}  // namespace millrace
