// A session on DuckDB: an attached in-memory database of its own, and a connection to it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/duckdb/connection.h"
#include "engine/duckdb/instance.h"
#include "engine/engine.h"

namespace millrace::duck {

class DuckSession : public Session {
 public:
  static Result<std::unique_ptr<Session>> Open(std::shared_ptr<Instance> instance,
                                               std::string label, SessionUse use);
  ~DuckSession() override;

  Status Bind(std::string_view name, std::unique_ptr<RowReader> rows,
              std::stop_token stop) override;
  Status Define(std::string_view name, const Sql& sql) override;
  Status DefineEmpty(std::string_view name, const Schema& schema) override;
  Result<int64_t> Materialize(std::string_view name, const Sql& sql, std::stop_token stop) override;
  Status Drop(std::string_view name) override;

  Result<Description> Describe(const Sql& sql) override;
  std::vector<Result<StatementNames>> NamesInEach(const std::vector<Sql>& statements) override;

  Result<bool> IsRowByRow(const Sql& sql);  // see engine/row_by_row.h

  Result<std::unique_ptr<RowReader>> Query(const Sql& sql, std::stop_token stop) override;
  Result<std::vector<TextRow>> Collect(const Sql& sql, std::stop_token stop) override;
  Result<std::vector<ParquetFile>> WriteParquet(const Sql& sql, const ParquetOptions& options,
                                                std::stop_token stop) override;
  Result<int64_t> WriteFile(const Sql& sql, const std::string& path, std::string_view format,
                            const std::map<std::string, std::string>& options,
                            std::stop_token stop) override;
  Result<Sql> ForeignDelta(const std::string& uri, int64_t version) override;

  Status FixTime(Time now, uint64_t seed) override;
  double Progress() const override;
  std::string_view EngineName() const override { return "duckdb"; }

 private:
  enum class Kind { kView, kTable };
  struct Relation {
    Kind kind;
    int64_t bound = 0;  // its id among the bound rows
  };

  DuckSession(std::shared_ptr<Instance> instance, std::string label, std::string database);

  struct Statement {
    std::string text;  // can be put into another one, before a line end
    std::vector<ResultColumn> columns;
  };

  // What was found out of a statement, until a relation comes or goes, or the time is fixed anew.
  struct Known {
    std::optional<Description> description;
    std::optional<std::vector<ResultColumn>> columns;
    std::optional<bool> row_by_row;
  };

  Known& KnownOf(const std::string& text);
  Result<bool> FindRowByRow(const std::string& text);
  // kInvalid unless `sql` is one SELECT that binds.
  Result<Statement> Check(const Sql& sql);
  // The rows of a statement that only hands on what is bound; null: the engine has to run it.
  std::unique_ptr<RowReader> Unchanged(std::string_view text);
  // …with casts for the columns whose types the lake does not have.
  Result<std::string> InLakeTypes(const Sql& sql);
  Result<std::unique_ptr<Connection>> OwnConnection();
  Status Gather(const std::string& text, std::stop_token stop);
  Result<std::vector<ParquetFile>> WriteInOrder(const std::string& text,
                                                const ParquetOptions& options,
                                                std::stop_token stop);
  Status FixFunctions();  // now() and its like are what FixTime says, from then on
  // The quoted name; makes its layer, and drops what has the name now.
  Result<std::string> Claim(std::string_view name);
  // The reader's own status where bound rows are why a statement failed.
  Status Explain(const Status& status);
  // …or what is wrong with `sql` itself.
  Status Explain(const Status& status, const Sql& sql);

  std::shared_ptr<Instance> instance_;
  std::string label_;
  std::string database_;  // as attached
  std::unique_ptr<Connection> connection_;
  std::map<std::string, Relation> relations_;  // by name in lower case
  std::set<std::string> layers_;               // that were made
  std::map<std::string, Known> known_;         // by text
  std::string fix_;                            // the time and the seed for one more connection
  // For Query: a reader that outlives the session does not give its connection back.
  std::shared_ptr<std::unique_ptr<Connection>> spare_ =
      std::make_shared<std::unique_ptr<Connection>>();
};

// "layer.table" → "layer"."table"; only the first dot parts.
std::string QuoteTable(std::string_view name);

}  // namespace millrace::duck
