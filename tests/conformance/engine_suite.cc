// What every engine must do. A new engine is one line in kEngines.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include "base/text.h"
#include "conformance/suite.h"

namespace millrace::conformance {
namespace {

using Clock = std::chrono::steady_clock;

struct EngineKind {
  const char* name;
  std::function<Result<std::unique_ptr<Engine>>(const std::string& spill)> open;
};

const EngineKind kEngines[] = {
    {"duckdb",
     [](const std::string& spill) {
       return OpenDuckDb({.memory_limit = int64_t{256} << 20, .threads = 2, .spill_folder = spill});
     }},
};

class EngineSuite : public testing::TestWithParam<EngineKind> {
 protected:
  EngineSuite()
      : engine_(*GetParam().open(world_.Path("engine-spill"))), session_(*engine_->Open("suite")) {}

  std::vector<std::vector<std::optional<std::string>>> Collect(const std::string& sql) {
    auto rows = session_->Collect({sql}, {});
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *rows : std::vector<std::vector<std::optional<std::string>>>();
  }

  World world_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
};

TEST_P(EngineSuite, DescribesWithoutRunningAndTellsEveryFault) {
  Schema shape{{{"id", {TypeKind::kBigInt}}, {"v", {TypeKind::kVarchar}}}};
  ASSERT_TRUE(session_->DefineEmpty("bronze.rows", shape).ok());
  auto good = session_->Describe({"SELECT count(*) AS n, max(v) AS v FROM bronze.rows"});
  ASSERT_TRUE(good.ok() && good->ok());
  EXPECT_EQ(good->schema.Names(), (std::vector<std::string>{"n", "v"}));
  auto bad = session_->Describe({"SELECT idd, vv FROM bronze.rows"});
  ASSERT_TRUE(bad.ok()) << bad.status().ToString();
  EXPECT_EQ(bad->errors.size(), 2u);
}

TEST_P(EngineSuite, NamesTheTablesAStatementReads) {
  auto read = session_->NamesIn(
      {"WITH c AS (SELECT * FROM bronze.a) SELECT * FROM c JOIN input USING (id)"});
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  std::vector<std::string> names;
  for (const TableRef& table : read->tables) names.push_back(table.name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"bronze.a", "input"}));
  EXPECT_EQ(session_->NamesIn({"SELEC 1"}).code(), Code::kInvalid);
}

// Rows that leave an engine and come back are the same, whatever their type.
TEST_P(EngineSuite, RowsOfEveryTypeGoOutAndIn) {
  auto rows = session_->Query({EveryType()}, {});
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  ASSERT_TRUE(session_->Bind("back", *std::move(rows), {}).ok());
  ASSERT_TRUE(session_->Materialize("kept", {"SELECT * FROM back"}, {}).ok());
  EXPECT_EQ(Collect("SELECT * FROM kept ORDER BY id"),
            Collect("SELECT * FROM (" + EveryType() + ") ORDER BY id"));
}

TEST_P(EngineSuite, ParquetKeepsEveryTypeAndReportsWhatItWrote) {
  std::string folder = world_.Path("parquet");
  std::filesystem::create_directories(folder);
  auto files = session_->WriteParquet({EveryType()}, {.folder = folder, .prefix = "p-"}, {});
  ASSERT_TRUE(files.ok()) << files.status().ToString();
  ASSERT_EQ(files->size(), 1u);
  EXPECT_EQ((*files)[0].rows, 2);
  EXPECT_EQ((*files)[0].columns.at("v").nulls, 1);
  EXPECT_EQ(static_cast<uintmax_t>((*files)[0].size), std::filesystem::file_size((*files)[0].path));
  EXPECT_EQ(Collect("SELECT * FROM read_parquet(" + SqlLiteral((*files)[0].path) + ") ORDER BY id"),
            Collect("SELECT * FROM (" + EveryType() + ") ORDER BY id"));
}

TEST_P(EngineSuite, TheTimeIsFixed) {
  Time now{std::chrono::seconds(1'400'000'000)};
  ASSERT_TRUE(session_->FixTime(now, 7).ok());
  auto first = Collect("SELECT now(), current_date, random()");
  ASSERT_TRUE(session_->FixTime(now, 7).ok());
  EXPECT_EQ(Collect("SELECT now(), current_date, random()"), first);
  EXPECT_EQ(Collect("SELECT current_date")[0][0], "2014-05-13");
}

TEST_P(EngineSuite, SessionsDoNotSeeEachOther) {
  ASSERT_TRUE(session_->Define("bronze.rows", {"SELECT 1 AS a"}).ok());
  std::unique_ptr<Session> other = *engine_->Open("other");
  ASSERT_TRUE(other->Define("bronze.rows", {"SELECT 2 AS a"}).ok());
  EXPECT_EQ(Collect("SELECT a FROM bronze.rows")[0][0], "1");
  EXPECT_EQ((*other->Collect({"SELECT a FROM bronze.rows"}, {}))[0][0], "2");
}

TEST_P(EngineSuite, StopsWithinASecond) {
  std::stop_source stop;
  Clock::time_point asked;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    asked = Clock::now();
    stop.request_stop();
  });
  auto rows = session_->Materialize(
      "endless", {"SELECT max(md5(a.range::VARCHAR)) FROM range(100000000) a, range(1000)"},
      stop.get_token());
  stopper.join();
  EXPECT_LT(Clock::now() - asked, std::chrono::seconds(1));
  EXPECT_EQ(rows.code(), Code::kCanceled) << rows.status().ToString();
  EXPECT_EQ(Collect("SELECT 42")[0][0], "42");
}

INSTANTIATE_TEST_SUITE_P(Every, EngineSuite, testing::ValuesIn(kEngines),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace millrace::conformance
