// What a source reads: the columns, and the conditions that make a range of it.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "connect/postgres/config.h"
#include "connect/postgres/place.h"
#include "connect/postgres/row_batch.h"
#include "net/postgres/connection.h"

namespace millrace::postgres {

// The columns of `columns:`, known without the server; empty without. kInvalid for types that the
// database does not have.
Result<std::vector<SourceColumn>> DeclaredColumns(const SourceConfig& config);

class Selection {
 public:
  // Asks the server for columns and types. kNotFound names what is missing.
  static Result<Selection> Look(const SourceConfig& config, pg::Connection& connection,
                                std::stop_token stop);

  PlaceKind kind() const { return kind_; }
  const std::vector<SourceColumn>& columns() const { return columns_; }
  // Of a plain table: 0 for what cannot be read in parts.
  int64_t pages() const { return pages_; }

  // Within a transaction of one snapshot: where a reader from `begin` would end; nullopt when there
  // is nothing new.
  Result<std::optional<Place>> End(pg::Connection& connection, const std::optional<Place>& begin,
                                   std::stop_token stop);
  // The condition of the rows between two places; "" for all. kInvalid when the server does not
  // give them any more.
  Result<std::string> Between(pg::Connection& connection, const std::optional<Place>& begin,
                              const std::optional<Place>& end, std::stop_token stop);
  Result<int64_t> Count(pg::Connection& connection, const std::string& condition,
                        std::stop_token stop);
  // SELECT … of these rows; `more` is another condition, or "".
  std::string Select(const std::string& condition, const std::string& more) const;
  // Changes do not tell the values of generated columns.
  Status LeaveOutGenerated(pg::Connection& connection, std::stop_token stop);
  // From now on a column more, of this expression.
  void Add(SourceColumn column, const std::string& expression);

 private:
  explicit Selection(const SourceConfig& config) : config_(&config) {}
  struct Horizon;
  std::string From() const;
  Status LookAtTable(pg::Connection& connection, std::stop_token stop);
  Status LookAtColumns(pg::Connection& connection, std::stop_token stop);
  Result<std::string> Identity(pg::Connection& connection, std::stop_token stop) const;
  Result<Place> EndOfTransactions(pg::Connection& connection, const std::optional<Place>& begin,
                                  std::stop_token stop);
  Result<Place> EndOfCursor(pg::Connection& connection, const std::optional<Place>& begin,
                            std::stop_token stop);
  Result<std::string> After(pg::Connection& connection, const Place& begin, std::stop_token stop);
  std::string Since(const Place& begin) const;
  Status SameTable(const Place& place, const std::string& now) const;

  const SourceConfig* config_;
  PlaceKind kind_ = PlaceKind::kWhole;
  std::vector<SourceColumn> columns_;
  std::vector<std::string> list_;  // of the SELECT
  std::string cursor_type_;        // "timestamp with time zone"
  bool cursor_is_time_ = false;
  std::string oid_;  // of a table; "" for a query
  std::string file_;
  int64_t pages_ = 0;
};

}  // namespace millrace::postgres
