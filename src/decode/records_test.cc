#include <gtest/gtest.h>

#include "decode/record_format.h"

namespace millrace {
namespace {

Schema Columns(std::initializer_list<std::pair<const char*, const char*>> columns) {
  Schema schema;
  for (const auto& [name, type] : columns) schema.columns.push_back({name, *ParseType(type)});
  return schema;
}

// The rows as lines of JSON, and for a record that is rejected "! why".
std::string Decoded(const RecordReading& config, const std::vector<std::string>& records) {
  auto decoder = MakeRecordDecoder(config, {}, {});
  if (!decoder.ok()) return decoder.status().ToString();
  std::string lines;
  for (const std::string& record : records) {
    Status added = (*decoder)->Add(record, {});
    if (!added.ok() && added.code() != Code::kRejected) return added.ToString();
    if (!added.ok()) lines += "! " + added.ToString() + "\n";
  }
  Result<Rows> rows = (*decoder)->Take();
  if (!rows.ok()) return rows.status().ToString();
  auto encoder = *MakeRecordEncoder({}, {});
  Status written = encoder->Open((*decoder)->schema(), {});
  if (!written.ok()) return written.ToString();
  written = encoder->Encode(*rows,
                            [&](int64_t, std::string_view record) {
                              lines += std::string(record) + "\n";
                              return Status::Ok();
                            },
                            {});
  return written.ok() ? lines : written.ToString();
}

std::string DecodedJson(Schema columns, const std::vector<std::string>& records,
                        RecordReading config = {}) {
  config.columns = std::move(columns);
  return Decoded(config, records);
}

TEST(JsonRecords, EveryType) {
  Schema columns = Columns({{"b", "BOOLEAN"},
                            {"i8", "TINYINT"},
                            {"i64", "BIGINT"},
                            {"f", "FLOAT"},
                            {"d", "DOUBLE"},
                            {"m", "DECIMAL(38,10)"},
                            {"t", "VARCHAR"},
                            {"x", "BLOB"},
                            {"day", "DATE"},
                            {"at", "TIMESTAMP"},
                            {"atz", "TIMESTAMPTZ"},
                            {"s", "STRUCT(a INTEGER, l VARCHAR[])"},
                            {"kv", "MAP(VARCHAR, DOUBLE[])"}});
  std::string line =
      R"({"b":true,"i8":-128,"i64":9223372036854775807,"f":1.5,"d":-0.1,)"
      R"("m":1234567890123456789012345678.0123456789,"t":"\"é\n","x":"AP8=","day":"1969-12-31",)"
      R"("at":"2026-11-21T06:50:52.123456","atz":"2026-11-21T05:50:52Z",)"
      R"("s":{"a":1,"l":["x",null]},"kv":{"k":[1,2.5],"":null}})";
  std::string offset = line;
  offset.replace(offset.find("05:50:52Z"), 9, "06:50:52+01:00");
  EXPECT_EQ(DecodedJson(columns, {offset, line, "{}"}),
            line + "\n" + line + "\n" +
                R"({"b":null,"i8":null,"i64":null,"f":null,"d":null,"m":null,"t":null,"x":null,)"
                R"("day":null,"at":null,"atz":null,"s":null,"kv":null})"
                "\n");
}

TEST(JsonRecords, TextOfNumbersAndNumbersOfText) {
  EXPECT_EQ(
      DecodedJson(Columns({{"t", "VARCHAR"}}), {R"({"t":12.50})", R"({"t": {"a" : [1, "}"]} })",
                                                R"({"t":false})", R"({"t":1e999})"}),
      "{\"t\":\"12.50\"}\n{\"t\":\"{\\\"a\\\" : [1, \\\"}\\\"]}\"}\n{\"t\":\"false\"}\n"
      "{\"t\":\"1e999\"}\n");
  EXPECT_EQ(DecodedJson(Columns({{"n", "INTEGER"}, {"d", "DOUBLE"}, {"m", "DECIMAL(4,2)"}}),
                        {R"({"n":"12","d":"NaN","m":"1.005"})", R"({"n":1e3,"d":7,"m":-99.99})",
                         R"({"n":2.0,"d":"-inf","m":5e-3})"}),
            "{\"n\":12,\"d\":\"NaN\",\"m\":1.01}\n{\"n\":1000,\"d\":7,\"m\":-99.99}\n"
            "{\"n\":2,\"d\":\"-Infinity\",\"m\":0.01}\n");
}

TEST(JsonRecords, RejectsSayWhere) {
  Schema columns =
      Columns({{"id", "INTEGER"}, {"a", "STRUCT(l STRUCT(z DATE)[])"}, {"m", "MAP(VARCHAR, INT)"}});
  EXPECT_EQ(DecodedJson(columns, {R"({"id":3000000000})", R"({"id":1.5})",
                                  R"({"a":{"l":[null,{"z":"2026-02-30"}]}})", R"({"id":[1]})",
                                  R"({"m":{"k":"x"}})", R"({"m":7})", R"([1])", R"({"id":1)",
                                  R"({"id":1} {})", R"({"id":tru})", "", "\xff",
                                  R"({"zz":{"b":nul}})", R"({"zz":[1}})", R"({"id":7})"}),
            "! $.id: 3000000000 is no INTEGER\n"
            "! $.id: 1.5 is no INTEGER\n"
            "! $.a.l[1].z: \"2026-02-30\" is no DATE\n"
            "! $.id: a list is no INTEGER\n"
            "! $.m.k: \"x\" is no INTEGER\n"
            "! $.m: 7 is no MAP(VARCHAR, INTEGER)\n"
            "! it is JSON, but no object\n"
            "! it is not valid JSON\n"
            "! it is not valid JSON\n"
            "! it is not valid JSON\n"
            "! it is empty\n"
            "! it is not UTF-8\n"
            "! it is not valid JSON\n"
            "! it is not valid JSON\n"
            "{\"id\":7,\"a\":null,\"m\":null}\n");
}

TEST(JsonRecords, MembersInAnyOrderAndTwice) {
  EXPECT_EQ(DecodedJson(Columns({{"a", "INTEGER"}, {"b", "INTEGER[]"}, {"c\"", "VARCHAR"}}),
                        {R"({"b":[1,2],"a":1,"b":[3],"\u0063\"":"x"})", R"({"c\"":"y","a":2})"}),
            "{\"a\":1,\"b\":[3],\"c\\\"\":\"x\"}\n{\"a\":2,\"b\":null,\"c\\\"\":\"y\"}\n");
}

TEST(JsonRecords, UnknownMembersMayBeRejected) {
  RecordReading strict;
  strict.unknown = UnknownMembers::kReject;
  EXPECT_EQ(DecodedJson(Columns({{"a", "STRUCT(b INTEGER)"}}), {R"({"a":{"b":1,"c":2}})"}, strict),
            "! $.a: there is no column for the member 'c'\n");
}

TEST(JsonRecords, NumbersAreTimesOnlyWhenTheUnitIsTold) {
  Schema columns = Columns({{"t", "TIMESTAMPTZ"}, {"d", "DATE"}});
  std::string record = R"({"t":1763705452123,"d":-1})";
  EXPECT_EQ(DecodedJson(columns, {record}),
            "! $.t: 1763705452123 is no TIMESTAMP WITH TIME ZONE\n");
  RecordReading millis;
  millis.epoch = EpochUnit::kMillis;
  EXPECT_EQ(DecodedJson(columns, {record}, millis),
            "{\"t\":\"2025-11-21T06:10:52.123000Z\",\"d\":\"1969-12-31\"}\n");
  RecordReading seconds;
  seconds.epoch = EpochUnit::kSeconds;
  EXPECT_EQ(DecodedJson(columns, {R"({"t":0.5})"}, seconds),
            "{\"t\":\"1970-01-01T00:00:00.500000Z\",\"d\":null}\n");
}

TEST(JsonRecords, WithoutColumnsTheWholeText) {
  EXPECT_EQ(Decoded({}, {R"({"a": 1})", "[1", "[1.]", "12345678901234567890123"}),
            "! it is not valid JSON\n! it is not valid JSON\n"
            "{\"value\":\"{\\\"a\\\": 1}\"}\n{\"value\":\"12345678901234567890123\"}\n");
}

TEST(CsvRecords, QuotesNullsAndFaults) {
  RecordReading csv;
  csv.format = RecordFormat::kCsv;
  csv.columns = Columns({{"id", "INTEGER"}, {"name", "VARCHAR"}});
  EXPECT_EQ(Decoded(csv, {"1,a", "2,\"b,\"\"c\"\"\"\r\n", ",", "3,\"\"", "x,y", "1", "1,2,3",
                          "1,\"a", "1,\"a\"b", "1,\xff"}),
            "! id: 'x' is no INTEGER\n! it has 1 field, not 2\n! it has 3 fields, not 2\n"
            "! a quote is never closed\n! text follows a closing quote\n! it is not UTF-8\n"
            "{\"id\":1,\"name\":\"a\"}\n{\"id\":2,\"name\":\"b,\\\"c\\\"\"}\n"
            "{\"id\":null,\"name\":null}\n{\"id\":3,\"name\":\"\"}\n");
}

TEST(PlainRecords, TextAndBytes) {
  RecordReading text;
  text.format = RecordFormat::kText;
  text.max_record.count = 5;
  EXPECT_EQ(Decoded(text, {"héy", "\xc3", "too long", ""}),
            "! it is not UTF-8\n! it has 8 B, `max_record` is 5 B\n"
            "{\"value\":\"héy\"}\n{\"value\":\"\"}\n");
  RecordReading bytes;
  bytes.format = RecordFormat::kBytes;
  EXPECT_EQ(Decoded(bytes, {std::string("\0\xff", 2)}), "{\"value\":\"AP8=\"}\n");
}

TEST(RecordFormats, WhatDoesNotGoTogetherIsSaid) {
  RecordReading csv;
  csv.format = RecordFormat::kCsv;
  EXPECT_EQ(CheckRecordReading(csv).message(),
            "'columns' is missing: a record of CSV does not name them");
  RecordReading avro;
  avro.format = RecordFormat::kAvro;
  avro.columns = Columns({{"a", "INTEGER"}});
  EXPECT_EQ(CheckRecordReading(avro).message(), "'columns' is of JSON and CSV only");
  RecordWriting json;
  json.schema = "a.avsc";
  EXPECT_EQ(CheckRecordWriting(json).message(), "'schema' is of Avro only");
}

TEST(RecordEncoders, LinesOfCsvAndText) {
  RecordReading json;
  json.columns = Columns({{"a", "VARCHAR"}, {"b", "INTEGER"}});
  auto decoder = *MakeRecordDecoder(json, {}, {});
  for (const char* record : {R"({"a":"x;\"y\"","b":1})", R"({"b":2})", R"({"a":""})"})
    ASSERT_TRUE(decoder->Add(record, {}).ok());
  ASSERT_TRUE(decoder->AddNull().ok());
  Rows rows = *decoder->Take();
  RecordWriting csv;
  csv.format = RecordFormat::kCsv;
  csv.csv.delimiter = ";";
  auto encoder = *MakeRecordEncoder(csv, {});
  ASSERT_TRUE(encoder->Open(decoder->schema(), {}).ok());
  std::vector<std::string> lines;
  auto keep = [&](int64_t, std::string_view line) {
    lines.emplace_back(line);
    return Status::Ok();
  };
  ASSERT_TRUE(encoder->Encode(rows, keep, {}).ok());
  EXPECT_EQ(lines, (std::vector<std::string>{"\"x;\"\"y\"\"\";1", ";2", "\"\";", ";"}));
  RecordWriting text;
  text.format = RecordFormat::kText;
  EXPECT_EQ((*MakeRecordEncoder(text, {}))->Open(decoder->schema(), {}).message(),
            "a record of text is one column, the rows have 2");
}

}  // namespace
}  // namespace millrace
