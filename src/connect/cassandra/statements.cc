#include "connect/cassandra/statements.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"

namespace millrace::cassandra {

namespace {

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::any_of(
      names, [&](const std::string& each) { return ToLower(each) == ToLower(name); });
}

// Not every column of the rows goes to the table.
bool IsWritten(const Column& column, const SinkConfig& config) {
  return column.name != kTombstone && !Holds(config.exclude, column.name);
}

class TypeWriter {
 public:
  TypeWriter(const TableName& name, std::vector<std::string>& statements)
      : name_(name), statements_(statements) {}

  // `path`: what a type of its own is named after.
  std::string Write(const Type& type, const std::string& path) {
    switch (type.kind) {
      case TypeKind::kBoolean: return "boolean";
      case TypeKind::kTinyInt: return "tinyint";
      case TypeKind::kSmallInt: return "smallint";
      case TypeKind::kInteger: return "int";
      case TypeKind::kBigInt: return "bigint";
      case TypeKind::kFloat: return "float";
      case TypeKind::kDouble: return "double";
      case TypeKind::kDecimal: return "decimal";
      case TypeKind::kVarchar: return "text";
      case TypeKind::kBlob: return "blob";
      case TypeKind::kDate: return "date";
      case TypeKind::kTimestamp:
      case TypeKind::kTimestampTz: return "timestamp";
      case TypeKind::kList: return "frozen<list<" + Write(type.children[0].type, path) + ">>";
      case TypeKind::kMap:
        return "frozen<map<" + Write(type.children[0].type, path + "_key") + ", " +
               Write(type.children[1].type, path + "_value") + ">>";
      case TypeKind::kStruct: return "frozen<" + WriteStruct(type, path) + ">";
    }
    return "text";
  }

 private:
  std::string WriteStruct(const Type& type, const std::string& path) {
    std::vector<std::string> fields;
    for (const Column& field : type.children)
      fields.push_back(SqlName(field.name) + " " + Write(field.type, path + "_" + field.name));
    statements_.push_back("CREATE TYPE IF NOT EXISTS " + SqlName(name_.keyspace) + "." +
                          SqlName(path) + " (" + Join(fields, ", ") + ")");
    return SqlName(path);
  }

  const TableName& name_;
  std::vector<std::string>& statements_;
};

std::string Names(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names) quoted.push_back(SqlName(name));
  return Join(quoted, ", ");
}

Status CheckKey(const CassandraTable& table, const SinkConfig& config) {
  for (const CassandraColumn& column : table.columns) {
    if (column.type == "counter")
      return Invalid(table.ToString() + " has counters, which cannot be written twice");
  }
  std::vector<std::string> key = table.KeyNames();
  bool same = config.key.size() == key.size() &&
              std::ranges::all_of(key, [&](const auto& name) { return Holds(config.key, name); });
  if (config.key.empty() || same) return Status::Ok();
  return Invalid("the primary key of " + table.ToString() + " is (" + Join(key, ", ") +
                     "), not (" + Join(config.key, ", ") + ")",
                 "leave 'key' out to take the table's own");
}

// A list whose elements have timestamps of their own: what is written twice stands there twice.
bool HasLooseList(const CassandraTable& table, const std::string& name) {
  const CassandraColumn* column = table.Find(name);
  return column != nullptr && column->type.starts_with("list<");
}

}  // namespace

Result<std::vector<std::string>> CreateTable(const Schema& rows, const TableName& name,
                                             const SinkConfig& config) {
  std::string table = name.keyspace + "." + name.table;
  if (config.key.empty())
    return Invalid("table " + table + " does not exist, and without its key it cannot be made",
                   "name the primary key: `key: [id]`");
  std::vector<std::string> statements, columns;
  TypeWriter types(name, statements);
  for (const Column& column : rows.columns) {
    if (!IsWritten(column, config)) continue;
    auto told = config.types.find(column.name);
    std::string type = told != config.types.end()
                           ? told->second
                           : types.Write(column.type, name.table + "_" + column.name);
    columns.push_back(SqlName(column.name) + " " + type);
  }
  for (const auto& [column, type] : config.types) {
    if (rows.Find(column) == nullptr)
      return Invalid("'types' names '" + column + "', which the rows do not have");
  }
  std::vector<std::string> partition = config.partition_key, clustering;
  if (partition.empty()) partition = {config.key.front()};
  for (const std::string& column : config.key) {
    if (rows.Find(column) == nullptr)
      return Invalid("'key' names '" + column + "', which the rows do not have");
    if (!Holds(partition, column)) clustering.push_back(column);
  }
  std::string key = "(" + Names(partition) + ")";
  if (!clustering.empty()) key += ", " + Names(clustering);
  statements.push_back("CREATE TABLE IF NOT EXISTS " + SqlName(name.keyspace) + "." +
                       SqlName(name.table) + " (" + Join(columns, ", ") + ", PRIMARY KEY (" + key +
                       "))");
  return statements;
}

std::string CreateKeyspace(const std::string& name, const KeyspaceConfig& config) {
  std::string copies = "'replication_factor': " + std::to_string(config.replication_factor);
  if (!config.datacenters.empty()) {
    std::vector<std::string> each;
    for (const auto& [datacenter, count] : config.datacenters)
      each.push_back(SqlLiteral(datacenter) + ": " + count);
    copies = Join(each, ", ");
  }
  return "CREATE KEYSPACE IF NOT EXISTS " + SqlName(name) +
         " WITH replication = {'class': 'NetworkTopologyStrategy', " + copies + "}";
}

Result<CassandraWriterOptions> PlanWrite(const Schema& rows, const CassandraTable& table,
                                         const SinkConfig& config) {
  TRY(CheckKey(table, config));
  CassandraWriterOptions plan;
  std::vector<std::string> names, unknown, conditions;
  std::map<std::string, int> numbers;
  for (size_t i = 0; i < rows.columns.size(); ++i) {
    const Column& column = rows.columns[i];
    int number = static_cast<int>(i);
    if (column.name == kTombstone) plan.remove_column = number;
    if (!IsWritten(column, config)) continue;
    const CassandraColumn* known = table.Find(column.name);
    if (known == nullptr) {
      unknown.push_back("'" + column.name + "'");
      continue;
    }
    names.push_back(known->name);
    numbers[known->name] = number;
    plan.upsert.values.push_back(number);
    plan.repeatable = plan.repeatable && !HasLooseList(table, column.name);
  }
  if (!unknown.empty())
    return Invalid(table.ToString() + " has no column " + Join(unknown, ", "),
                   "ALTER TABLE … ADD it, or name it in `exclude`");
  CassandraStatement remove;
  remove.values.push_back(kCassandraTimestamp);
  for (const std::string& key : table.KeyNames()) {
    auto number = numbers.find(key);
    if (number == numbers.end())
      return Invalid("the rows have no column '" + key + "', which is part of the key of " +
                     table.ToString());
    plan.keys.push_back(number->second);
    remove.values.push_back(number->second);
    conditions.push_back(SqlName(key) + " = ?");
  }
  std::vector<std::string> marks(names.size(), "?");
  plan.upsert.cql = "INSERT INTO " + table.ToCql() + " (" + Names(names) + ") VALUES (" +
                    Join(marks, ", ") + ") USING TIMESTAMP ?";
  plan.upsert.values.push_back(kCassandraTimestamp);
  if (config.ttl) {
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*config.ttl);
    plan.upsert.cql += " AND TTL " + std::to_string(seconds.count());
  }
  if (plan.remove_column >= 0) {
    remove.cql = "DELETE FROM " + table.ToCql() + " USING TIMESTAMP ? WHERE " +
                 Join(conditions, " AND ");
    plan.remove = std::move(remove);
  }
  plan.skip_nulls = config.ignore_nulls;
  plan.consistency = config.consistency;
  plan.in_flight = config.in_flight;
  plan.batch_rows = config.batch_rows;
  plan.retry = RetryOf(config);
  if (config.speculative) {
    plan.speculative_after = config.speculative->after;
    plan.speculative_most = config.speculative->most;
  }
  return plan;
}

}  // namespace millrace::cassandra
