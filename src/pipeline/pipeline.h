// A pipeline file as a checked graph of tasks. Every mistake is found here, before anything runs.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "check/check.h"
#include "config/diagnostics.h"
#include "config/json.h"
#include "connect/registry.h"
#include "pipeline/project.h"
#include "pipeline/sql_text.h"

namespace millrace {

struct RetryPolicy {
  int attempts = 1;  // in all
  Micros delay = std::chrono::seconds(5);
  enum class Backoff { kConstant, kExponential } backoff = Backoff::kExponential;
  Micros max_delay = std::chrono::minutes(5);
};

// What starts a task while `millrace run` stays with the pipeline.
struct Trigger {
  bool continuous = false;     // it takes what is new as it comes, batch by batch; else by…
  std::string schedule;        // …cron, its own or the pipeline's; "": with every run by hand only
  Micros every{0};              // from the begin of one batch to the next, at least
  RangeLimit batch{.rows = 1'000'000, .bytes = int64_t{256} << 20};
};

struct Input {
  std::string name;       // in SQL: "input" when there is one without a name
  std::string connector;  // "file", "table"
  Place place;
  const Registry::Entry* entry = nullptr;
  YamlNode config;  // of the connector and its connection, values replaced
  Registry::MakeSource make;
  SourceTraits traits;
  bool incremental = false;  // decided: by config, else by what the targets do with rows
};

struct Target {
  std::string connector;
  Place place;
  YamlNode config;  // of the connector, values replaced
  Registry::MakeSink make;
  SinkTraits traits;
  std::string when;  // SQL condition; "" = all rows
  SqlText when_source;
  bool otherwise = false;  // the rows no `when` of the list took
};

struct Task {
  std::string name;
  std::string key;  // "pipeline/name" or "pipeline/name[year=23-24]": unique in the store
  std::map<std::string, std::string> matrix;
  Place place;
  std::vector<Input> inputs;
  bool inputs_known = true;  // false: `from` has faults, which are told
  std::string sql;           // "" = SELECT * FROM input; run.* values not yet replaced
  SqlText sql_source;        // the same, knowing the place of every byte
  std::vector<Check> checks;
  std::vector<Target> targets;  // none: the task only checks
  std::vector<Target> rejects;  // each takes all rows put aside
  std::vector<std::string> command;   // the escape hatch: then no from, sql, to
  std::vector<std::string> after;     // names, as written
  std::vector<std::string> upstream;  // keys it waits for: `after`, and who writes what it reads
  std::vector<std::string>
      reads;  // lake tables by SQL, inputs and checks; sorted. "millrace.*" are the store's
  std::vector<std::string> writes;
  RetryPolicy retry;
  std::optional<Micros> timeout;
  Trigger trigger;
  std::string definition;  // SHA-256 over all that decides its rows (params and SQL, not run.*)
  std::optional<Schema> declared;  // `columns:` as written
  Place declared_place;
  std::optional<Schema> schema;  // of its rows, where validation could infer it
  std::optional<bool> metadata;  // as configured; see AddsMetadata
  YamlNode tests;                // SQL tests of the task, as written
};

struct Pipeline {
  std::string name, description;
  std::string file;                           // as the user typed it
  std::string folder;                         // absolute, of the file
  std::string schedule;                       // "": by hand; "@continuous": each task is
  std::string timezone;                       // of all schedules; "": UTC
  std::map<std::string, std::string> params;  // defaults, overridden by --param
  std::vector<Task> tasks;  // matrix expanded, in an order in which each comes after its upstream
  std::vector<std::string> faulty;  // names of tasks with faults, which are told

  const Task* Find(std::string_view key) const;
  bool AnyContinuous() const;
};

// Whether the rows for this target get _ingested_at and _run_id: as configured, else those of the
// bronze layer.
bool AddsMetadata(const Task& task, const Target& target);

struct RunValues {  // what ${run.*} stands for
  std::string id;
  Time logical_date, interval_start, interval_end;
};

// Parses and checks the structure (fields, values, names, graph): no engine, no files but SQL files
// are read. Without `run`, ${run.*} stays as it is. With errors told there may still be a pipeline,
// of the tasks that could be read, so that CheckPipelines finds more; it must not run: look at the
// diagnostics.
std::optional<Pipeline> LoadPipeline(const Project& project, const std::string& file,
                                     const Registry& registry,
                                     const std::map<std::string, std::string>& params,
                                     const std::optional<RunValues>& run, Diagnostics& diagnostics);

// SQL syntax, tables, columns and types through the whole chain; checks; targets' columns. Offline.
// Tables that no task writes are looked up in the lake. Fills in reads, upstream and schema. May be
// called with several pipelines of a project: they see each other's tables.
struct CheckContext {
  Engine& engine;
  ConnectContext& connect;
  std::string schema_cache;  // a file that keeps inferred schemas by file fingerprint; "" = none
};
void CheckPipelines(std::vector<Pipeline*> pipelines, CheckContext& context,
                    Diagnostics& diagnostics);

// ${run.*} in text, when the run is known.
std::string ResolveRun(std::string_view text, const RunValues& run);

// Of the whole file, for editors; and of its parts, for the pages.
Json PipelineJsonSchema(const Registry& registry);
Json ProjectJsonSchema(const Registry& registry);  // of millrace.yml
std::vector<std::shared_ptr<const SpecInfo>> PipelineSpecs();

}  // namespace millrace
