#include "connect/table/config.h"

#include "connect/table/table.h"

namespace millrace::table {

namespace {

constexpr const char* kNameRule =
    "'name' must be a layer and a table: two plain names with a dot between them";

template <class Config>
bool HasTableName(const Config& config) {
  return ParseTableName(config.name).ok();
}

}  // namespace

Spec<SourceConfig> SourceSpec() {
  return Spec<SourceConfig>("table source", "A table of the lake, this pipeline's or another's.")
      .Field("name", &SourceConfig::name, "Layer and table.",
             {.required = true, .example = "bronze.orders"})
      .Field("incremental", &SourceConfig::incremental,
             "Read only the rows that came since the task's last commit. Fails when rows of the "
             "table were changed or removed since. Without it every commit reads all rows.")
      .Short("name")
      .Example("All rows", "from: {table: bronze.orders}")
      .Example("New rows only", "from: {table: {name: bronze.orders, incremental: true}}")
      .Require(HasTableName<SourceConfig>, kNameRule, "write it like bronze.orders");
}

Spec<SinkConfig> SinkSpec() {
  return Spec<SinkConfig>("table sink", "A table of the lake (Delta format); made when missing.")
      .Field("name", &SinkConfig::name, "Layer and table.",
             {.required = true, .example = "silver.orders"})
      .Field("mode", &SinkConfig::mode,
             "append adds the rows; replace puts them in place of all there are; merge updates "
             "rows with an equal key and adds the others; delete_insert removes all rows with a "
             "key that occurs and adds the new ones. Default: append where only new rows are "
             "read, else replace.")
      .Field("key", &SinkConfig::key, "Columns that identify a row, for merge and delete_insert.",
             {.example = "[order_id]"})
      .Field("order_by", &SinkConfig::order_by,
             "Of a merge: of rows with one key the last by these columns stays, whether they come "
             "together or one is there already. Without it a key must come once in a commit.",
             {.example = "[updated_at]"})
      .Field("delete_when", &SinkConfig::delete_when,
             "Of a merge: an SQL condition over the rows. A row that meets it removes the row of "
             "its key.",
             {.example = "\"_op = 'delete'\""})
      .Field("exclude", &SinkConfig::exclude,
             "Columns of the rows that the table does not get: those that only say what to do.",
             {.example = "[_op]"})
      .Field("partition_by", &SinkConfig::partition_by,
             "Columns by whose values the files are laid out. Fixed once the table is made.",
             {.example = "[year, month]"})
      .Field("contract", &SinkConfig::contract,
             "What happens when rows do not have the table's shape. evolve: new columns are added "
             "and types widened; freeze: the task fails; discard_row: rows that do not fit go to "
             "the rejects; discard_value: unknown columns are left out, values that do not fit "
             "become null.")
      .Field("compression", &SinkConfig::compression, "Of the Parquet files.",
             {.choices = {"zstd", "snappy", "lz4", "gzip", "none"}})
      .Field("retention", &SinkConfig::retention,
             "How long files of earlier versions are kept from vacuum, so that the versions can "
             "be read.",
             {.example = "30d"})
      .Field("properties", &SinkConfig::properties, "Delta table properties to set.",
             {.example = "{delta.appendOnly: 'true'}"})
      .Short("name")
      .Example("A table", "to: {table: silver.orders}")
      .Example("Updated by key", "to: {table: {name: silver.orders, mode: merge, key: order_id}}")
      .Example("Changes of a database, by key",
               "to: {table: {name: silver.users, mode: merge, key: id, order_by: _lsn, "
               "delete_when: \"_op = 'delete'\", exclude: _op}}")
      .Require(HasTableName<SinkConfig>, kNameRule, "write it like silver.orders")
      .Require(
          [](const SinkConfig& config) {
            bool of_merge = !config.order_by.empty() || !config.delete_when.empty();
            return !of_merge || config.mode == Mode::kMerge;
          },
          "'order_by' and 'delete_when' have a meaning only with mode merge",
          "write `mode: merge`")
      .Require(
          [](const SinkConfig& config) {
            bool keyed = config.mode == Mode::kMerge || config.mode == Mode::kDeleteInsert;
            return !keyed || !config.key.empty();
          },
          "modes merge and delete_insert need a 'key'", "add `key: [column]`")
      .Require(
          [](const SinkConfig& config) {
            bool keyed = config.mode == Mode::kMerge || config.mode == Mode::kDeleteInsert;
            return keyed || config.key.empty();
          },
          "'key' has a meaning only with modes merge and delete_insert",
          "leave 'key' out, or write `mode: merge`");
}

SourceTraits TraitsOf(const SourceConfig& config) {
  return {.reads = config.name, .incremental = config.incremental, .can_be_incremental = true};
}

SinkTraits TraitsOf(const SinkConfig& config) {
  SinkTraits traits;
  traits.writes = config.name;
  traits.mode = config.mode.value_or(Mode::kAppend);
  traits.replaces = traits.mode == Mode::kReplace;
  traits.contract = config.contract;
  traits.exclude = config.exclude;
  for (const std::string& column : config.key) traits.columns.push_back({"key", column});
  for (const std::string& column : config.order_by)
    traits.columns.push_back({"order_by", column});
  for (const std::string& column : config.exclude) traits.columns.push_back({"exclude", column});
  for (const std::string& column : config.partition_by) {
    traits.columns.push_back({"partition_by", column});
  }
  return traits;
}

void Register(Registry& registry) {
  registry.AddSource<SourceConfig>("table", SourceSpec(), MakeSource, TraitsOf);
  registry.AddSink<SinkConfig>("table", SinkSpec(), MakeSink, TraitsOf);
}

}  // namespace millrace::table
