// The table that a sink writes: what it looks like now, and what must become of it so that rows of
// some shape fit.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "connect/postgres/types.h"
#include "lake/contract.h"
#include "net/postgres/connection.h"

namespace millrace::postgres {

// "orders" or "sales.orders", as a config spells it.
struct TableName {
  std::string schema, table;  // schema "": the first of the search path
  std::string Quoted() const;
};
TableName ParseName(const std::string& text);

struct TargetColumn {
  std::string name;
  PgType type;
  std::string declared;  // "character varying(20)"
  bool nullable = true;
  bool has_default = false;
  bool identity_always = false;
};

struct TargetTable {
  TableName name;  // with its schema
  bool exists = false, schema_exists = false, has_commits = false;
  std::vector<TargetColumn> columns;             // without generated ones
  std::vector<std::vector<std::string>> unique;  // columns of each index that merge can rely on

  const TargetColumn* Find(const std::string& column) const;  // letters may differ in case
  bool IsUnique(const std::vector<std::string>& key) const;
};

// `begin` stands before the question, in one trip: "BEGIN".
Result<TargetTable> LookAt(pg::Connection& connection, const TableName& name,
                           const std::string& commit_table, const std::string& begin,
                           std::stop_token stop);

// A column that rows are written to.
struct WrittenColumn {
  std::string name;        // as the table spells it
  PgType type;             // how its values are sent
  std::string declared;    // the column's type after the write
  std::string expression;  // of the engine, over the rows as r
};

struct WritePlan {
  std::vector<WrittenColumn> columns;
  std::vector<std::string> statements;  // that make or alter the table
  Fit fit;                              // its refused and discarded rows
};

struct PlanRequest {
  const TargetTable& table;
  Schema rows;
  Contract contract = Contract::kEvolve;
  Mode mode = Mode::kAppend;
  std::vector<std::string> key;
  bool nulls =
      false;  // rows that only tell what goes lack values: the table itself refuses others'
};

// kInvalid names every difference that the contract does not allow.
Result<WritePlan> PlanWrite(const PlanRequest& request);

}  // namespace millrace::postgres
