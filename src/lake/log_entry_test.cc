#include "lake/log_entry.h"

#include <gtest/gtest.h>

#include "lake/file_url.h"
#include "lake/log_file_name.h"
#include "lake/schema_json.h"
#include "lake/table_features.h"

namespace millrace {
namespace {

TEST(LogEntry, ReadsBackWhatItPrints) {
  LogEntry entry;
  entry.note = CommitNote{.timestamp = 17,
                          .operation = "WRITE",
                          .run = "r",
                          .task = "p/t",
                          .position = "{\"x\":1}",
                          .sequence = 4,
                          .rows = 2};
  entry.protocol = Protocol{3, 7, {"timestampNtz"}, {"appendOnly", "timestampNtz"}};
  entry.metadata = Metadata{.id = "i",
                            .name = "n",
                            .schema_json = "{}",
                            .partition_by = {"p"},
                            .configuration = {{"a", "b"}},
                            .created = 5};
  entry.txns.push_back({"p/t", 4, 17});
  entry.adds.push_back({.path = "a%20b",
                        .partition = {{"p", "x"}, {"q", std::nullopt}},
                        .size = 9,
                        .modified = 3,
                        .data_change = false,
                        .stats = "{\"numRecords\":2}",
                        .deletion_vector = R"({"storageType":"i","pathOrInlineDv":"ab"})"});
  entry.removes.push_back(RemovalOf(entry.adds[0], 8, true));
  std::string text = PrintLogEntry(entry);
  Result<LogEntry> read = ParseLogEntry(text);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(PrintLogEntry(*read), text);
  EXPECT_EQ(read->note->position, "{\"x\":1}");
  EXPECT_EQ(read->adds[0].partition, entry.adds[0].partition);
  EXPECT_EQ(read->protocol, entry.protocol);
  EXPECT_EQ(FileKey(read->adds[0].path, read->adds[0].deletion_vector),
            FileKey(read->removes[0].path, read->removes[0].deletion_vector));
}

TEST(LogEntry, PassesOverWhatItDoesNotKnow) {
  Result<LogEntry> entry = ParseLogEntry(
      "{\"future\":{\"a\":1}}\r\n\n{\"add\":{\"path\":\"x\",\"partitionValues\":{\"p\":\"\"},"
      "\"size\":1,\"new\":[]}}");
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->adds[0].partition.at("p"), std::nullopt) << "an empty text is a null";
}

TEST(LogEntry, TellsTheBadLine) {
  EXPECT_EQ(
      ParseLogEntry("{\"txn\":{\"appId\":\"a\",\"version\":1}}\n{\"add\":{}}").status().message(),
      "line 2: an 'add' action has no path");
  for (const char* bad :
       {"{", "[1]", "{\"add\":3}", "{\"protocol\":{}}", "{\"protocol\":{\"minReaderVersion\":0}}",
        "{\"metaData\":{\"id\":\"x\"}}", "{\"add\":{\"path\":\"\xff\"}}", "null"}) {
    EXPECT_EQ(ParseLogEntry(bad).code(), Code::kInvalid) << bad;
  }
  std::string deep = "{\"add\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_EQ(ParseLogEntry(deep).code(), Code::kInvalid);
}

TEST(LogEntry, CountsRowsInStats) {
  EXPECT_EQ(RowsInStats("{\"numRecords\":12,\"minValues\":{}}"), 12);
  EXPECT_EQ(RowsInStats("{\"minValues\":{},\"numRecords\":12}"), 12);
  EXPECT_EQ(RowsInStats("{\"numRecords\":12.5}"), -1);
  EXPECT_EQ(RowsInStats("{}"), -1);
  EXPECT_EQ(RowsInStats(""), -1);
}

TEST(SchemaJson, ReadsBackWhatItPrints) {
  Type list{TypeKind::kList, 0, 0, {{"element", {TypeKind::kDecimal, 38, 9}, false}}};
  Type map{TypeKind::kMap, 0, 0, {{"key", {TypeKind::kVarchar}, false}, {"value", list, true}}};
  Schema schema{
      {{"a", {TypeKind::kBigInt}, false},
       {"b \"q\"", {TypeKind::kStruct, 0, 0, {{"m", map}, {"t", {TypeKind::kTimestamp}}}}},
       {"z", {TypeKind::kTimestampTz}}}};
  Result<Schema> read = ParseSchemaJson(PrintSchemaJson(schema));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(*read, schema);
  EXPECT_TRUE(HasTimestampNtz(schema));
}

TEST(SchemaJson, KeepsCommentsOfColumnsThatStay) {
  const char* earlier = R"({"type":"struct","fields":[
    {"name":"a","type":"integer","nullable":true,"metadata":{"comment":"kept"}},
    {"name":"gone","type":"integer","nullable":true,"metadata":{}}]})";
  std::string after =
      PrintSchemaJson({{{"a", {TypeKind::kBigInt}}, {"b", {TypeKind::kDate}}}}, earlier);
  EXPECT_EQ(after,
            R"({"type":"struct","fields":[{"name":"a","type":"long","nullable":true,"metadata":)"
            R"({"comment":"kept"}},)"
            R"({"name":"b","type":"date","nullable":true,"metadata":{}}]})");
  EXPECT_TRUE(AnyFieldHas(earlier, "comment"));
  EXPECT_FALSE(AnyFieldHas(earlier, "delta.invariants"));
}

TEST(SchemaJson, NamesTheColumnItCannotRead) {
  EXPECT_EQ(
      ParseSchemaJson(R"({"type":"struct","fields":[{"name":"s","type":{"type":"struct","fields":[
              {"name":"v","type":"variant"}]}}]})")
          .status()
          .message(),
      "column 's.v' has the type 'variant', which Millrace does not read");
  for (const char* bad :
       {"", "{}", "[]", "{\"type\":\"struct\"}", R"({"type":"struct","fields":[{"name":"a"}]})",
        R"x({"type":"struct","fields":[{"name":"a","type":"decimal(40,2)"}]})x",
        R"x({"type":"struct","fields":[{"name":"a","type":"decimal(x)"}]})x",
        R"({"type":"struct","fields":[{"name":"a","type":{"type":"array"}}]})"}) {
    EXPECT_EQ(ParseSchemaJson(bad).code(), Code::kInvalid) << bad;
  }
}

TEST(FileUrl, ReadsBackWhatItSpells) {
  std::string odd;
  for (int c = 1; c < 256; ++c) odd += static_cast<char>(c);
  EXPECT_EQ(DecodePath(EncodePath(odd)), odd);
  EXPECT_EQ(EncodePath("p=a%20b/x.parquet"), "p=a%2520b/x.parquet");
  EXPECT_EQ(DecodePath("file:///tmp/a%20b"), "/tmp/a b");
  EXPECT_EQ(DecodePath("50%"), "50%");
  EXPECT_TRUE(IsAbsolute("s3://b/k"));
  EXPECT_FALSE(IsAbsolute("p=1/x"));
}

TEST(LogFileName, KnowsTheFilesOfALog) {
  EXPECT_EQ(ParseLogFileName("00000000000000000012.json")->version, 12);
  EXPECT_EQ(ParseLogFileName("00000000000000000012.checkpoint.parquet")->kind,
            LogFileName::Kind::kCheckpoint);
  EXPECT_EQ(ParseLogFileName("00000000000000000012.checkpoint.0000000002.0000000003.parquet")->part,
            2);
  EXPECT_EQ(ParseLogFileName("00000000000000000012.checkpoint.80a083e8-7026.json")->unique,
            "80a083e8-7026");
  for (const char* other : {"_last_checkpoint", "00000000000000000012.crc", "12.json", "",
                            ".00000000000000000012.json.x.tmp",
                            "00000000000000000001.00000000000000000003.compacted.json",
                            "00000000000000000012.checkpoint.0000000004.0000000003.parquet",
                            "00000000000000000012.8a083e8.json", "99999999999999999999.json"}) {
    EXPECT_FALSE(ParseLogFileName(other)) << other;
  }
}

TEST(TableFeatures, NameWhatIsMissing) {
  EXPECT_TRUE(CheckReadable({3, 7, {"timestampNtz", "deletionVectors"}, {}}).ok());
  EXPECT_EQ(CheckReadable({3, 7, {"timestampNtz", "variantType"}, {}}).message(),
            "the table needs what Millrace does not read: variantType");
  EXPECT_FALSE(CheckReadable({4, 7, {}, {}}).ok());

  TableState state;
  state.version = 3;
  state.metadata.schema_json = "{}";
  EXPECT_TRUE(CheckWritable(state, WriteKind::kRewrite).ok());
  state.metadata.configuration["delta.appendOnly"] = "true";
  EXPECT_TRUE(CheckWritable(state, WriteKind::kAppend).ok());
  EXPECT_FALSE(CheckWritable(state, WriteKind::kReplace).ok());
  state.metadata.configuration = {{"delta.constraints.positive", "x > 0"}};
  EXPECT_FALSE(CheckWritable(state, WriteKind::kAppend).ok());
  state.metadata.configuration.clear();
  state.protocol = {1, 7, {}, {"rowTracking"}};
  EXPECT_EQ(CheckWritable(state, WriteKind::kAppend).message(),
            "the table needs what Millrace does not write: rowTracking");
}

TEST(TableFeatures, PropertiesThatAskForMoreAreRefused) {
  EXPECT_TRUE(CheckProperties({{"delta.appendOnly", "true"}, {"owner", "me"}}).ok());
  EXPECT_FALSE(CheckProperties({{"delta.enableDeletionVectors", "true"}}).ok());
  EXPECT_EQ(CheckProperties({{"delta.appendonly", "true"}}).hint(),
            "did you mean 'delta.appendOnly'?");
}

TEST(TableFeatures, VersionsBecomeListsByName) {
  Schema schema{{{"ts", {TypeKind::kTimestamp}}}};
  EXPECT_EQ(FirstProtocol({}), (Protocol{1, 2}));
  EXPECT_EQ(FirstProtocol(schema),
            (Protocol{3, 7, {"timestampNtz"}, {"appendOnly", "invariants", "timestampNtz"}}));
  Protocol later = ProtocolFor({1, 4}, schema);
  EXPECT_TRUE(later.writer_features.contains("changeDataFeed"));
  EXPECT_EQ(ProtocolFor(later, {}), later) << "never lowered";
}

}  // namespace
}  // namespace millrace
