// For tests of sources that the engine reads: a session, and the rows of a range as lines.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/text.h"
#include "connect/test_lake.h"

namespace millrace {

class ReadingTest : public ConnectTest {
 protected:
  using Lines = std::vector<std::string>;

  ReadingTest()
      : engine_(*OpenDuckDb({.memory_limit = 512 << 20, .threads = 2})),
        session_(*engine_->Open("test")) {}
  ~ReadingTest() override { session_.reset(); }

  virtual Result<std::unique_ptr<Source>> Make() = 0;

  Position Latest(const std::optional<Position>& begin = {}) {
    auto latest = (*Make())->Latest(begin, {});
    EXPECT_TRUE(latest.ok()) << latest.status().ToString();
    return latest.ok() ? *latest : Position();
  }
  // "a|b" of a range, sorted; what went wrong is the only line.
  Lines Read(const Range& range, const std::string& columns = "* EXCLUDE (_source_file)") {
    auto source = Make();
    if (!source.ok()) return {source.status().ToString()};
    return ReadFrom(**source, range, columns);
  }
  Lines ReadFrom(Source& source, const Range& range, const std::string& columns) {
    rejects_.clear();
    if (Status status = source.Open(range, {}); !status.ok()) return {status.ToString()};
    info_ = source.Info();
    auto scan = source.NativeScan(*session_);
    if (!scan.ok()) return {scan.status().ToString()};
    Lines rows = Collect("SELECT " + columns + " FROM (" + (*scan)->text + ")");
    auto rejects = source.DecodeRejects(*session_);
    if (!rejects.ok()) return {rejects.status().ToString()};
    if (*rejects)
      rejects_ = Collect("SELECT _source_file, _line, _raw FROM (" + (*rejects)->text + ")");
    return rows;
  }
  Lines Collect(const std::string& sql) {
    auto rows = session_->Collect({"SELECT * FROM (" + sql + ") ORDER BY ALL"}, {});
    if (!rows.ok()) return {rows.status().ToString()};
    Lines lines;
    for (const auto& row : *rows) {
      std::vector<std::string> cells;
      for (const auto& cell : row) cells.push_back(cell.value_or("NULL"));
      lines.push_back(Join(cells, "|"));
    }
    return lines;
  }

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  SourceInfo info_;  // of the last range read
  Lines rejects_;
};

}  // namespace millrace
