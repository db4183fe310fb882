// Schemas that were inferred from files, kept from one validation to the next. A cache: losing it
// costs time only.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "data/schema.h"

namespace millrace {

class SchemaCache {
 public:
  // `file`: "" keeps nothing. A missing or damaged file is an empty cache.
  explicit SchemaCache(std::string file);
  // Writes what was added; a failure is no fault of the pipeline's and is not told.
  ~SchemaCache();
  SchemaCache(const SchemaCache&) = delete;
  SchemaCache& operator=(const SchemaCache&) = delete;

  // `key`: Source::SchemaKey().
  std::optional<Schema> Find(const std::string& key) const;
  void Add(const std::string& key, const Schema& schema);

 private:
  void Read();

  std::string file_;
  std::map<std::string, Schema> schemas_;  // by the key's hash
  bool changed_ = false;
};

}  // namespace millrace
