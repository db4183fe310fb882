#include <algorithm>

#include "base/text.h"
#include "connect/file/sink_config.h"
#include "connect/test_lake.h"

namespace millrace::file {
namespace {

class FileSinkTest : public ConnectTest {
 protected:
  FileSinkTest() : engine_(*OpenDuckDb({.memory_limit = 256 << 20, .threads = 2})) {
    session_ = *engine_->Open("test");
  }

  Status WriteRows(const SinkConfig& config, const std::string& sql, int64_t sequence,
                   WriteIntent intent = {}) {
    ConnectContext context = Context();
    std::unique_ptr<Sink> sink = TRY(MakeSink(config, context));
    TRY(sink->Open({}, intent, {}));
    TRY(sink->WriteFrom(*session_, {sql}, {}));
    return sink->Commit({{"test/task", sequence}, "p" + std::to_string(sequence), Time()}, {});
  }
  // Names in a folder, hidden ones left out.
  std::vector<std::string> Names(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& each : std::filesystem::directory_iterator(Path(folder))) {
      std::string name = each.path().filename();
      if (!name.starts_with('.')) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
};

TEST_F(FileSinkTest, AFileIsReplacedWhole) {
  SinkConfig config{.path = "out/r.csv"};
  ASSERT_TRUE(WriteRows(config, "SELECT 1 AS a, 'x,y' AS b", 1).ok());
  EXPECT_EQ(Get("out/r.csv"), "a,b\n1,\"x,y\"\n");
  Status status = WriteRows(config, "SELECT 2 AS a, NULL AS b", 2);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(Get("out/r.csv"), "a,b\n2,\n");
  EXPECT_EQ(Names("out"), std::vector<std::string>{"r.csv"});
}

TEST_F(FileSinkTest, AFolderGetsAFileACommitAndOneIdCountsOnce) {
  SinkConfig config{.path = "out/", .format = SinkFormat::kNdjson};
  ASSERT_TRUE(WriteRows(config, "SELECT 1 AS a", 1).ok());
  ASSERT_TRUE(WriteRows(config, "SELECT 2 AS a", 2).ok());
  ASSERT_TRUE(WriteRows(config, "SELECT 2 AS a", 2).ok());
  std::vector<std::string> names = Names("out");
  ASSERT_EQ(names.size(), 2u);
  EXPECT_TRUE(names[0].ends_with("-1.ndjson") && names[0].starts_with("part-")) << names[0];
  EXPECT_EQ(Get("out/" + names[1]), "{\"a\":2}\n");
  ASSERT_TRUE(WriteRows(config, "SELECT 3 AS a", 3, {.refresh = true}).ok());
  EXPECT_EQ(Names("out").size(), 1u);
}

TEST_F(FileSinkTest, FormatsAndCompression) {
  for (std::string name : {"a.tsv", "a.csv.gz", "a.json", "a.ndjson.zst", "a.parquet"}) {
    Status status =
        WriteRows({.path = name}, "SELECT 1 AS a, 'é' AS b UNION ALL SELECT 2, NULL", 1);
    ASSERT_TRUE(status.ok()) << name << ": " << status.ToString();
    auto rows =
        session_->Collect({"SELECT count(*), count(b), sum(a) FROM " + SqlLiteral(Path(name))}, {});
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    EXPECT_EQ((*rows)[0][0], "2") << name;
    EXPECT_EQ((*rows)[0][1], "1") << name;
  }
  EXPECT_EQ(Get("a.tsv"), "a\tb\n1\té\n2\t\n");
}

TEST_F(FileSinkTest, WithoutCommitNothingStays) {
  ConnectContext context = Context();
  {
    std::unique_ptr<Sink> sink = *MakeSink({.path = "out/r.csv"}, context);
    ASSERT_TRUE(sink->Open({}, {}, {}).ok());
    ASSERT_TRUE(sink->WriteFrom(*session_, {"SELECT 1 AS a"}, {}).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(Path("out")));
}

TEST_F(FileSinkTest, TheLastCommitIsRemembered) {
  SinkConfig config{.path = "out/r.csv"};
  ConnectContext context = Context();
  EXPECT_FALSE((*MakeSink(config, context))->LastCommit("test/task", {})->has_value());
  ASSERT_TRUE(WriteRows(config, "SELECT 1 AS a", 7).ok());
  std::optional<Committed> last = *(*MakeSink(config, context))->LastCommit("test/task", {});
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->sequence, 7);
  EXPECT_EQ(last->position, "p7");
}

TEST_F(FileSinkTest, WhatAKilledProcessLeftIsSwept) {
  SinkConfig config{.path = "out/r.csv"};
  ASSERT_TRUE(WriteRows(config, "SELECT 1 AS a", 1).ok());
  std::string memory =
      std::filesystem::directory_iterator(Path("out/.millrace-commits"))->path().stem();
  std::string left = "out/.r.csv." + memory + "-999999999.tmp";
  Put(left, "half a ro");
  ASSERT_TRUE(WriteRows(config, "SELECT 1 AS a", 2).ok());
  EXPECT_FALSE(Has(left));
}

TEST(FileSinkConfig, FaultsAreTold) {
  auto errors = [](const std::string& yaml) {
    Diagnostics diagnostics;
    SinkSpec().Parse(ParseYaml(yaml, "p.yml", diagnostics), diagnostics);
    return diagnostics.ToString();
  };
  EXPECT_EQ(errors("out/r.csv"), "");
  EXPECT_NE(errors("out/r.xls").find("does not tell the format"), std::string::npos)
      << errors("out/r.xls");
  EXPECT_NE(errors("{path: out/, mode: replace}").find("a folder cannot be replaced"),
            std::string::npos);
}

}  // namespace
}  // namespace millrace::file
