// For tests: a lake that is only a folder. Tables are the lake's own tests' business.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/env.h"
#include "connect/registry.h"
#include "lake/lake.h"

namespace millrace {

class FolderLake final : public Lake {
 public:
  explicit FolderLake(const std::string& root) : storage_(OpenLocalStorage(root)) {}
  std::unique_ptr<Table> Open(const TableName&) override { return nullptr; }
  Result<std::vector<TableName>> Tables() override { return std::vector<TableName>(); }
  Storage& storage() override { return *storage_; }

 private:
  std::unique_ptr<Storage> storage_;
};

// A folder of its own for each test, with a lake and a state folder in it.
class ConnectTest : public testing::Test {
 protected:
  ConnectTest() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "millrace_connect_XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    lake_ = std::make_unique<FolderLake>(folder_ + "/lake");
  }
  ~ConnectTest() override { std::filesystem::remove_all(folder_); }

  ConnectContext Context(const std::string& task = "test/task") {
    return {env_, *lake_, folder_, folder_ + "/.millrace", "run-1", task};
  }
  std::string Path(const std::string& file) const { return folder_ + "/" + file; }
  // Makes its folders too. Returns the absolute path.
  std::string Put(const std::string& file, const std::string& bytes) const {
    std::filesystem::create_directories(std::filesystem::path(Path(file)).parent_path());
    std::ofstream(Path(file), std::ios::binary | std::ios::trunc) << bytes;
    return Path(file);
  }
  std::string Get(const std::string& file) const {
    std::ostringstream text;
    text << std::ifstream(Path(file), std::ios::binary).rdbuf();
    return text.str();
  }
  bool Has(const std::string& file) const { return std::filesystem::exists(Path(file)); }

  std::string folder_;
  Env env_{SystemClock()};
  std::unique_ptr<Lake> lake_;
};

}  // namespace millrace
