// The fixture of the engine's tests: one engine, one session, one folder.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/engine.h"

namespace millrace {

using Lines = std::vector<std::string>;

class EngineTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<Engine>> engine = OpenDuckDb({.memory_limit = 256 << 20});
    ASSERT_TRUE(engine.ok()) << engine.status().ToString();
    engine_ = std::move(engine).value();
    session_ = Open();
    folder_ = std::filesystem::temp_directory_path() /
              ("millrace_engine_test_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Session> Open() { return std::move(engine_->Open("test")).value(); }

  // Rows as "a|b" lines; nulls are "NULL".
  std::vector<std::string> Rows(const std::string& sql) {
    auto rows = session_->Collect({sql}, {});
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    std::vector<std::string> lines;
    if (!rows.ok()) return lines;
    for (const auto& row : *rows) {
      std::vector<std::string> values;
      for (const auto& value : row) values.push_back(value.value_or("NULL"));
      lines.push_back(Join(values, "|"));
    }
    return lines;
  }
  std::string Value(const std::string& sql) {
    std::vector<std::string> rows = Rows(sql);
    return rows.size() == 1 ? rows[0] : std::to_string(rows.size()) + " rows";
  }
  std::vector<std::string> Errors(const std::string& sql) {
    Result<Description> description = session_->Describe({sql});
    EXPECT_TRUE(description.ok()) << description.status().ToString();
    std::vector<std::string> lines;
    for (const SqlError& error : description->errors) {
      std::string line = (error.offset ? std::to_string(*error.offset) : "-") + " " + error.kind +
                         ": " + error.message;
      if (!error.candidates.empty()) line += " [" + Join(error.candidates, ", ") + "]";
      lines.push_back(line);
    }
    return lines;
  }
  std::string SchemaOf(const std::string& sql) {
    Result<Description> description = session_->Describe({sql});
    std::vector<std::string> columns;
    for (const Column& column : description->schema.columns)
      columns.push_back(column.name + " " + column.type.ToSql());
    return Join(columns, ", ");
  }
  std::vector<std::string> Tables(const std::string& sql) {
    Result<StatementNames> names = session_->NamesIn({sql});
    if (!names.ok()) return {names.status().ToString()};
    std::vector<std::string> lines;
    for (const TableRef& table : names->tables)
      lines.push_back(std::to_string(table.offset) + " " + table.name);
    return lines;
  }

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  std::filesystem::path folder_;
};

}  // namespace millrace
