// A lake in a folder of its own, for tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "lake/lake.h"

namespace millrace {

class LakeTest : public testing::Test {
 protected:
  LakeTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "lake_test.XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    engine_ = *OpenDuckDb(
        {.memory_limit = int64_t{512} << 20, .threads = 2, .spill_folder = folder_ + "/spill"});
    lake_ = OpenLake(folder_ + "/lake", env_, *engine_);
    session_ = *engine_->Open("test");
  }
  ~LakeTest() override {
    session_.reset();
    lake_.reset();
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::unique_ptr<Table> OpenTable(const std::string& name) {
    return lake_->Open(*ParseTableName(name));
  }

  // The rows of SQL written and committed under the next sequence of `task`. The version, or what
  // went wrong.
  Result<int64_t> Write(const std::string& table, const std::string& sql,
                        const WriteOptions& options = {}, const std::string& task = "test") {
    auto write = TRY(OpenTable(table)->Write(options));
    TRY(write->Stage(*session_, {sql}, {}));
    ++sequence_;
    return write->Commit({task, sequence_}, "at " + std::to_string(sequence_), SystemClock().Now(),
                         {});
  }

  // All rows, each as one line "a|b|c", sorted; "NULL" for a null. An error is the only line.
  std::vector<std::string> Rows(const std::string& table, const AsOf& as_of = {}) {
    auto opened = OpenTable(table);
    Result<Snapshot> snapshot = opened->Load(as_of);
    if (!snapshot.ok()) return {snapshot.status().ToString()};
    Result<Sql> scan = opened->Scan(*session_, *snapshot);
    if (!scan.ok()) return {scan.status().ToString()};
    return RowsOf(*scan);
  }
  std::vector<std::string> RowsOf(const Sql& sql) {
    auto rows = session_->Collect({"SELECT * FROM (" + sql.text + ") ORDER BY ALL"}, {});
    if (!rows.ok()) return {rows.status().ToString()};
    std::vector<std::string> lines;
    for (const auto& row : *rows) {
      std::vector<std::string> cells;
      for (const auto& cell : row) cells.push_back(cell.value_or("NULL"));
      lines.push_back(Join(cells, "|"));
    }
    return lines;
  }

  int64_t Version(const std::string& table) { return OpenTable(table)->Load()->version; }

  // The data files on disk, whether the log knows them or not.
  std::vector<std::string> FilesOnDisk(const std::string& table) {
    std::string folder = Join(Split(table, '.'), "/");
    std::vector<std::string> files;
    for (const FileInfo& file : *lake_->storage().List(folder)) {
      if (file.path.find("_delta_log") == file.path.npos)
        files.push_back(file.path.substr(folder.size() + 1));
    }
    return files;
  }

  using Lines = std::vector<std::string>;

  std::string folder_;
  Env env_{SystemClock()};
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Lake> lake_;
  std::unique_ptr<Session> session_;
  int64_t sequence_ = 0;
};

}  // namespace millrace
