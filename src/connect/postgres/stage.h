// Rows that cannot be copied into their table as they are go into a temporary table first; these
// are the statements that take them from there.
#pragma once

#include <string>
#include <vector>

#include "connect/postgres/target_table.h"
#include "lake/lake.h"

namespace millrace::postgres {

// What the stage has beside the rows' columns.
inline constexpr char kRowNumber[] = "millrace_row";        // bigint: later rows have higher ones
inline constexpr char kDelete[] = "millrace_delete";        // boolean: the key goes
inline constexpr char kTruncate[] = "millrace_truncate";    // boolean: all before it goes
inline constexpr char kUnchanged[] = "millrace_unchanged";  // text[]: columns that keep their value

class StageTable {
 public:
  StageTable(const TargetTable& target, const WritePlan& plan, std::vector<std::string> key,
             std::vector<std::string> extras);

  const std::string& name() const { return name_; }
  // It is empty again after each transaction, and stays for the next of the same shape.
  std::string Create() const;
  // The columns of a COPY into it, and their types.
  std::string ColumnList() const;
  // How many rows have a null in the key.
  std::string CountNullKeys() const;
  // Whether any column is kept: asked before Apply.
  std::string CountUnchanged() const;

  // The statements, in order, that make the table what the mode says.
  std::vector<std::string> Append() const;
  std::vector<std::string> Merge(bool some_unchanged) const;
  std::vector<std::string> DeleteInsert() const;

 private:
  bool Has(const char* extra) const;
  std::string Value(const std::string& alias, const WrittenColumn& column) const;
  std::string Columns() const;                         // of the target
  std::string Values(const std::string& alias) const;  // of the stage
  std::string KeysMeet(const char* one, const char* other) const;
  std::vector<const WrittenColumn*> Keys() const;
  std::vector<const WrittenColumn*> Others() const;
  std::string KeyNames() const;
  void FoldUnchanged(std::vector<std::string>& statements) const;
  void Upsert(std::vector<std::string>& statements) const;

  const TargetTable& target_;
  const WritePlan& plan_;
  const std::vector<std::string> key_, extras_;
  std::string columns_;  // as CREATE TABLE takes them
  std::string name_;
};

}  // namespace millrace::postgres
