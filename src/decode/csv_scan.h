// CSV files → a relation. Files with the same header are one scan; others are joined to them by
// column name.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/json.h"
#include "decode/csv_dialect.h"
#include "decode/scan.h"

namespace millrace::csv {

// Dialects by header line; "" when files have none.
struct Group {
  std::string header;
  Dialect dialect;
};

Json ToJson(const std::vector<Group>& groups);
Result<std::vector<Group>> GroupsFromJson(const Json& json);

// By looking at the first files of each header.
Result<std::vector<Group>> FindGroups(Session& session, const std::vector<InputFile>& files,
                                      const FormatConfig& format, std::stop_token stop);

class Files : public FileScan {
 public:
  // The rows of one of the files alone, in its order; empty text for an empty one.
  virtual Sql RowsOf(size_t file) const = 0;
  // Of the lines that an earlier read took: RowsOf begins behind them.
  virtual int64_t LinesBefore(size_t file) const = 0;
};

Result<std::unique_ptr<Files>> Scan(Session& session, const std::vector<InputFile>& files,
                                    const FormatConfig& format, std::vector<Group> groups,
                                    const std::string& scratch, std::stop_token stop);

// The relation over `files` with columns as `groups` have them, read as they are: for Describe
// only.
Sql DescribeOnly(const std::vector<Group>& groups);

}  // namespace millrace::csv
