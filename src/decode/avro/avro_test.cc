// What random schemas (tests/avro) do not reach.
#include <gtest/gtest.h>

#include <fstream>

#include "decode/avro/avro_schema.h"
#include "decode/record_format.h"

namespace millrace::avro {
namespace {

std::string ColumnsText(std::string_view schema) {
  Result<AvroSchema> parsed = AvroSchema::Parse(schema);
  if (!parsed.ok()) return parsed.status().ToString();
  Result<Schema> columns = ColumnsOf(*parsed);
  if (!columns.ok()) return columns.status().ToString();
  std::string text;
  for (const Column& column : columns->columns)
    text += (text.empty() ? "" : ", ") + column.name + " " + column.type.ToSql();
  return text;
}

std::string Record(std::string_view fields) {
  return R"({"type":"record","name":"R","fields":[)" + std::string(fields) + "]}";
}

TEST(AvroSchema, Columns) {
  EXPECT_EQ(
      ColumnsText(Record(
          R"({"name":"u","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},)"
          R"({"name":"d","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},)"
          R"({"name":"n","type":"null"},{"name":"x","type":["null","long","a.b.E"]})"
          R"(,{"name":"t","type":{"type":"long","logicalType":"timestamp-nanos"}})")),
      "R.x: the schema names a type it does not have: a.b.E");
  EXPECT_EQ(
      ColumnsText(Record(
          R"({"name":"u","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},)"
          R"({"name":"d","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},)"
          R"({"name":"n","type":"null"},)"
          R"({"name":"x","type":["null","long",{"type":"enum","name":"a.b.E","symbols":["Q"]}]})")),
      "u VARCHAR, d STRUCT(\"months\" BIGINT, \"days\" BIGINT, \"milliseconds\" BIGINT), n "
      "VARCHAR, "
      "x STRUCT(\"long\" BIGINT, \"E\" VARCHAR)");
  EXPECT_EQ(ColumnsText(R"(["null","string"])"), "value VARCHAR");
  EXPECT_EQ(ColumnsText(R"({"type":"map","values":"int"})"), "value MAP(VARCHAR, INTEGER)");
}

// A name without dots is one of the namespace around it; a logical type that does not fit is none.
TEST(AvroSchema, NamesAndLogicalTypes) {
  EXPECT_EQ(ColumnsText(
                R"({"type":"record","name":"R","namespace":"a.b","fields":[)"
                R"({"name":"x","type":{"type":"enum","name":"E","symbols":["Q"]}},{"name":"y",)"
                R"("type":"a.b.E"},)"
                R"({"name":"z","type":{"type":"record","name":"c.S","fields":[{"name":"f","type":)"
                R"({"type":"fixed","name":"F","size":2}}]}},{"name":"w","type":"c.F"},)"
                R"({"name":"d","type":{"type":"fixed","name":"T","size":1,)"
                R"("logicalType":"decimal","precision":3}}]})"),
            "x VARCHAR, y VARCHAR, z STRUCT(\"f\" BLOB), w BLOB, d BLOB");
}

TEST(AvroSchema, WhatIsWrongIsTold) {
  for (const auto& [schema, why] : std::initializer_list<std::pair<std::string, std::string>>{
           {"{", "the schema is not valid JSON"},
           {R"({"type":"recrod","name":"R"})", "the schema names a type it does not have: recrod"},
           {R"({"type":"record","name":"1R","fields":[]})", "'1R' is no name"},
           {Record(R"({"name":"a b","type":"int"})"), "R: 'a b' is no name of a field"},
           {Record(R"({"name":"a","type":"int"},{"name":"a","type":"int"})"),
            "R has the field 'a' twice"},
           {Record(R"({"name":"a","type":["int","int"]})"), "R.a: a union has int twice"},
           {R"(["null",["int"]])", "a union holds a union"},
           {R"({"type":"array"})", "an array or a map has no 'items'"},
           {R"({"type":"fixed","name":"F","size":-1})", "F has no size"},
           {Record(R"({"name":"a","type":"R"})"),
            "a: R holds itself, which columns cannot (read it by a `schema` without the field that "
            "does)"},
           {Record(R"({"name":"a","type":{"type":"record","name":"S","fields":[]}})"),
            "a: S has no fields (read it by a `schema` without it)"},
           {Record(
                R"({"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":50}})"),
            "d: a decimal of 50 digits: columns have at most 38 (read it by a `schema` that has it "
            "as "
            "bytes)"},
           {std::string(100'000, '['), "the schema is nested too deeply"}})
    EXPECT_EQ(ColumnsText(schema), why);
}

// Types that are named twice in each other multiply: 2^16 columns.
TEST(AvroSchema, TooManyColumnsAreRefused) {
  std::string schema = R"({"type":"record","name":"R0","fields":[{"name":"x","type":"int"}]})";
  for (int i = 1; i < 17; ++i) {
    std::string name = "R" + std::to_string(i), last = "R" + std::to_string(i - 1);
    schema = R"({"type":"record","name":")" + name + R"(","fields":[{"name":"a","type":)" + schema +
             R"(},{"name":"b","type":")" + last + R"("}]})";
  }
  EXPECT_NE(ColumnsText(schema).find("the schema stands for too many columns"), std::string::npos);
}

TEST(AvroSchema, DefaultsInDefaults) {
  AvroSchema schema = *AvroSchema::Parse(Record(
      R"({"name":"a","type":{"type":"record","name":"S","fields":[{"name":"x","type":"int",)"
      R"("default":3},)"
      R"({"name":"y","type":["null","string"],"default":"late"},{"name":"z","type":"bytes"}]},)"
      R"("default":{"z":"\u00ff"}})"));
  const Node& record = schema[schema.root()];
  EXPECT_EQ(*DefaultBytes(schema, record.fields[0].type, *record.fields[0].default_json),
            std::string("\x06\x02\x08late\x02\xff"));
  EXPECT_FALSE(DefaultBytes(schema, record.fields[0].type, "{}").ok());
  AvroSchema endless = *AvroSchema::Parse(
      Record(R"({"name":"r","type":"R","default":{}},{"name":"q","type":"R","default":{}})"));
  EXPECT_FALSE(DefaultBytes(endless, endless.root(), "{}").ok());
}

TEST(AvroSchema, MadeOfColumns) {
  Schema columns;
  columns.columns = {{"id", *ParseType("BIGINT")},
                     {"s", *ParseType("STRUCT(a DECIMAL(5,2), m MAP(INTEGER, DATE))")}};
  EXPECT_EQ(*SchemaTextOf(columns, "com.example.User"),
            R"({"type":"record","name":"User","fields":[{"name":"id","type":["null","long"],)"
            R"("default":null},)"
            R"({"name":"s","type":["null",{"type":"record","name":"User_s","fields":[)"
            R"({"name":"a","type":["null",{"type":"bytes","logicalType":"decimal","precision":5,)"
            R"("scale":2}],"default":null},)"
            R"({"name":"m","type":["null",{"type":"array","items":{"type":"record",)"
            R"("name":"User_s_m_entry","fields":[)"
            R"({"name":"key","type":["null","int"],"default":null},)"
            R"({"name":"value","type":["null",{"type":"int","logicalType":"date"}],)"
            R"("default":null}]}}],"default":null}]}],)"
            R"("default":null}],"namespace":"com.example"})");
  columns.columns[0].name = "a b";
  EXPECT_EQ(SchemaTextOf(columns, "R").status().message(),
            "column 'a b' cannot be called so in Avro");
}

// JSON → Avro by a given schema → JSON.
std::string Through(const std::string& schema, Schema columns, const std::string& line) {
  RecordReading json;
  json.columns = std::move(columns);
  auto decoder = *MakeRecordDecoder(json, {}, {});
  Status added = decoder->Add(line, {});
  if (!added.ok()) return added.ToString();
  RecordWriting writing;
  writing.format = RecordFormat::kAvro;
  writing.schema = schema;
  auto encoder = *MakeRecordEncoder(writing, {});
  Status opened = encoder->Open(decoder->schema(), {});
  if (!opened.ok()) return opened.ToString();
  RecordReading reading;
  reading.format = RecordFormat::kAvro;
  reading.schema = schema;
  auto reader = *MakeRecordDecoder(reading, {}, {});
  Status written = encoder->Encode(
      *decoder->Take(), [&](int64_t, std::string_view record) { return reader->Add(record, {}); },
      {});
  if (!written.ok()) return written.ToString();
  auto lines = *MakeRecordEncoder({}, {});
  std::string shown;
  if (!lines->Open(reader->schema(), {}).ok()) return "not shown";
  Status told = lines->Encode(*reader->Take(),
                              [&](int64_t, std::string_view record) {
                                shown = record;
                                return Status::Ok();
                              },
                              {});
  return told.ok() ? shown : told.ToString();
}

Schema One(const char* type) { return {{{"v", *ParseType(type)}}}; }
std::string OneField(const std::string& type) {
  return Record(R"({"name":"v","type":)" + type + "}");
}

TEST(AvroRecords, LogicalTypesBothWays) {
  std::string uuid = R"({"v":"0123abcd-4567-89ab-cdef-0123456789ab"})";
  EXPECT_EQ(Through(OneField(R"({"type":"fixed","name":"U","size":16,"logicalType":"uuid"})"),
                    One("VARCHAR"), uuid),
            uuid);
  EXPECT_EQ(Through(OneField(R"({"type":"fixed","name":"U","size":16,"logicalType":"uuid"})"),
                    One("VARCHAR"), R"({"v":"0123"})"),
            "row 0: v: '0123' is no UUID");
  std::string duration = R"({"v":{"months":1,"days":4294967295,"milliseconds":3}})";
  EXPECT_EQ(Through(OneField(R"({"type":"fixed","name":"D","size":12,"logicalType":"duration"})"),
                    One("STRUCT(months BIGINT, days BIGINT, milliseconds BIGINT)"), duration),
            duration);
  std::string time = R"({"v":"2026-11-21T06:50:52.123456Z"})";
  EXPECT_EQ(Through(OneField(R"({"type":"long","logicalType":"timestamp-nanos"})"),
                    One("TIMESTAMPTZ"), time),
            time);
  EXPECT_EQ(Through(OneField(R"({"type":"long","logicalType":"timestamp-millis"})"),
                    One("TIMESTAMPTZ"), R"({"v":"1969-12-31T23:59:59.999999Z"})"),
            R"({"v":"1969-12-31T23:59:59.999000Z"})");
  EXPECT_EQ(Through(OneField(R"({"type":"bytes","logicalType":"decimal","precision":6,"scale":4})"),
                    One("DECIMAL(4,2)"), R"({"v":-12.34})"),
            R"({"v":-12.3400})");
}

TEST(AvroRecords, ValuesThatDoNotFitAreTold) {
  EXPECT_EQ(Through(OneField(R"("int")"), One("BIGINT"), R"({"v":3000000000})"),
            "row 0: v: '3000000000' is too large for an int");
  EXPECT_EQ(Through(OneField(R"({"type":"enum","name":"E","symbols":["A"]})"), One("VARCHAR"),
                    R"({"v":"B"})"),
            "row 0: v: 'B' is none of the enum's symbols");
  EXPECT_EQ(Through(OneField(R"(["string","long"])"), One("STRUCT(string VARCHAR, long BIGINT)"),
                    R"({"v":{"string":"a","long":1}})"),
            "row 0: v: more than one member of a union is there");
  EXPECT_EQ(Through(OneField(R"({"type":"map","values":"int"})"), One("MAP(VARCHAR, INTEGER)"),
                    R"({"v":{"a":null}})"),
            "row 0: v[0]: it is null, which the schema does not allow");
  EXPECT_EQ(Through(OneField(R"("string")"), One("DATE"), R"({"v":"2026-01-01"})"),
            "column 'v': a DATE is not written as string (cast it in SQL)");
}

}  // namespace
}  // namespace millrace::avro
