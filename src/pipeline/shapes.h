// What is known of the shape of everything that tasks read: tables and sources.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/check_session.h"
#include "pipeline/pipeline.h"

namespace millrace {

// A table or landing, by all tasks that write it.
struct Writer {
  const Pipeline* pipeline = nullptr;
  const Task* task = nullptr;
};

class Shapes {
 public:
  // With the tasks that have been checked so far; the pipelines' tasks must not move while it
  // lives.
  Shapes(const std::vector<Pipeline*>& pipelines, CheckSession& session);

  // The name as its writer spells it: SQL's names are the same in any case.
  std::string Spelled(const std::string& table) const;
  const std::vector<Writer>& WritersOf(const std::string& table) const;
  // Tables that can be named: written by tasks or present in the lake.
  std::vector<std::string> TableNames() const;

  enum class Known { kYes, kNoSchema, kNoTable };
  struct Shape {
    Known known = Known::kNoSchema;
    Schema schema;
  };
  Shape OfTable(const std::string& table);
  // Told at the input's place what is wrong with the source.
  Shape OfSource(const Pipeline& pipeline, const Task& task, const Input& input,
                 Diagnostics& diagnostics);
  // After the task was checked: what its targets look like to those that read them.
  void AddOutputs(const Task& task);
  // Of the lake as it is now.
  std::optional<Snapshot> InLake(const std::string& table);

 private:
  Result<std::optional<Schema>> Describe(const Pipeline& pipeline, const Task& task,
                                         const Registry::MakeSource& make);
  std::optional<Schema> OfWhatWillLand(const Input& input);
  void AddTable(const std::string& table, const Schema& schema, bool replaces);

  CheckContext& context_;
  CheckSession& session_;
  std::map<std::string, std::vector<Writer>> writers_;  // by name
  std::map<std::string, std::string> spelled_;          // lower case → as written
  std::map<std::string, std::optional<Schema>>
      written_;  // by name; nullopt: a writer's rows are not known
  std::map<std::string, std::optional<Snapshot>> lake_;
};

// What stands beside the row's columns in a table of rejects.
std::vector<Column> RejectColumns();

}  // namespace millrace
