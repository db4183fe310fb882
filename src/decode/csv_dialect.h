// How one CSV file, or several with the same header, are written; found by DuckDB's sniffer in
// their first bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "config/json.h"
#include "decode/format.h"
#include "engine/engine.h"

namespace millrace::csv {

constexpr size_t kSampleBytes = 1'500'000;  // about 20,000 lines: what DuckDB itself would look at

struct Dialect {
  std::string delimiter = ",";
  std::string quote = "\"", escape = "\"";  // one byte, or "" for none
  std::string comment;
  bool header = true;
  int64_t skip = 0;  // lines before the header
  std::string date_format, timestamp_format;
  std::vector<std::pair<std::string, std::string>> columns;  // name, DuckDB's type
};

Json ToJson(const Dialect& dialect);
Result<Dialect> DialectFromJson(const Json& json);

// `samples`: the beginnings of files, in UTF-8, each ending at a line end. `name` is for messages.
Result<Dialect> Sniff(Session& session, const std::vector<std::string>& samples,
                      std::string_view name, const CsvFormat& format, std::stop_token stop);

// The options of read_csv that `dialect` and `format` stand for, each beginning with a comma.
std::string ScanOptions(const Dialect& dialect, const CsvFormat& format);

}  // namespace millrace::csv
