// How records are written that come one by one (messages): the part of a connector's config that
// says so, and what reads and writes them by it.
//
//   struct SourceConfig : RecordReading { std::string topic; };
//   Spec<SourceConfig> spec = …; AddRecordReadingFields(spec);
//   std::unique_ptr<RecordDecoder> decoder = TRY(MakeRecordDecoder(config, context, stop));
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "config/spec.h"
#include "data/schema.h"
#include "decode/records.h"
#include "net/registry/schema_registry.h"

namespace millrace {

enum class RecordFormat { kJson, kAvro, kCsv, kText, kBytes };
enum class UnknownMembers { kIgnore, kReject };
// What a number in a column of time counts, since 1970; kNone: it is none.
enum class EpochUnit { kNone, kSeconds, kMillis, kMicros, kNanos };
// https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/
enum class SubjectNaming { kTopic, kRecord, kTopicRecord };

template <>
struct EnumNames<RecordFormat> {
  static constexpr std::pair<std::string_view, RecordFormat> kAll[] = {
      {"json", RecordFormat::kJson},
      {"avro", RecordFormat::kAvro},
      {"csv", RecordFormat::kCsv},
      {"text", RecordFormat::kText},
      {"bytes", RecordFormat::kBytes}};
};
template <>
struct EnumNames<UnknownMembers> {
  static constexpr std::pair<std::string_view, UnknownMembers> kAll[] = {
      {"ignore", UnknownMembers::kIgnore}, {"reject", UnknownMembers::kReject}};
};
template <>
struct EnumNames<EpochUnit> {
  static constexpr std::pair<std::string_view, EpochUnit> kAll[] = {{"none", EpochUnit::kNone},
                                                                    {"s", EpochUnit::kSeconds},
                                                                    {"ms", EpochUnit::kMillis},
                                                                    {"us", EpochUnit::kMicros},
                                                                    {"ns", EpochUnit::kNanos}};
};
template <>
struct EnumNames<SubjectNaming> {
  static constexpr std::pair<std::string_view, SubjectNaming> kAll[] = {
      {"topic", SubjectNaming::kTopic},
      {"record", SubjectNaming::kRecord},
      {"topic_record", SubjectNaming::kTopicRecord}};
};

// Of CSV: a record is one line, without a header.
struct CsvRecords {
  std::string delimiter = ",", quote = "\"", null_text;
};

// A source's config inherits this.
struct RecordReading {
  RecordFormat format = RecordFormat::kJson;
  Schema columns;
  UnknownMembers unknown = UnknownMembers::kIgnore;
  EpochUnit epoch = EpochUnit::kNone;
  CsvRecords csv;
  std::string schema, subject;
  int64_t schema_version = 0;  // of the subject; 0: the newest
  Bytes max_record{16 << 20};
};

// A sink's config inherits this.
struct RecordWriting {
  RecordFormat format = RecordFormat::kJson;
  bool nulls = true;  // JSON
  CsvRecords csv;
  std::string schema, subject, record_name;
  SubjectNaming subject_naming = SubjectNaming::kTopic;
  bool register_schema = true;
};

// What the records belong to. The registry lives longer than what is made with it.
struct RecordContext {
  std::string topic;
  bool is_key = false;                 // of a message, not its value: names the subject
  std::string folder;                  // a relative path of a schema starts here
  SchemaRegistry* registry = nullptr;  // none: records carry no id of a schema
};

const Spec<CsvRecords>& CsvRecordsSpec();
// kInvalid: what only several fields together tell. A connector calls it from a rule of its Spec.
Status CheckRecordReading(const RecordReading& config);
Status CheckRecordWriting(const RecordWriting& config);

// Avro with a registry: asks it for the schema that the columns come from.
Result<std::unique_ptr<RecordDecoder>> MakeRecordDecoder(const RecordReading& config,
                                                         const RecordContext& context,
                                                         std::stop_token stop);
Result<std::unique_ptr<RecordEncoder>> MakeRecordEncoder(const RecordWriting& config,
                                                         const RecordContext& context);
// For `validate --online`: whether rows with these columns could be written, and the registry would
// take their schema. Changes nothing.
Status CheckWriterSchema(const RecordWriting& config, const RecordContext& context,
                         const Schema& columns, std::stop_token stop);

template <class Config>
requires std::derived_from<Config, RecordReading>
void AddRecordReadingFields(Spec<Config>& spec) {
  auto add = [&spec]<class T>(const char* key, T RecordReading::*member, std::string help,
                              FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
  add("format", &RecordReading::format, "How a record is written.");
  add("columns", &RecordReading::columns,
      "Of JSON: the members to take, and their types; without it one column, `value`, has the "
      "whole text. Of CSV: all fields, in order. Avro's come from its schema.",
      {.example = "{id: BIGINT, email: VARCHAR, address: \"STRUCT(zip VARCHAR)\"}"});
  add("unknown", &RecordReading::unknown, "What to do with members of JSON that are no columns.");
  add("epoch", &RecordReading::epoch,
      "What a number counts where JSON or CSV has one for a DATE or TIMESTAMP; none: it is "
      "rejected.");
  spec.Group("csv", static_cast<CsvRecords Config::*>(&RecordReading::csv), CsvRecordsSpec(),
             "How CSV is written.");
  add("schema", &RecordReading::schema,
      "Avro: the schema that the columns come from, as JSON or as a path to it. Without one the "
      "registry's of the `subject`.",
      {.example = "user.avsc"});
  add("subject", &RecordReading::subject, "Of the registry. Default: TOPIC-value.");
  add("schema_version", &RecordReading::schema_version, "Of the subject; 0: the newest.",
      {.min = 0});
  add("max_record", &RecordReading::max_record, "Longer records are rejected.");
}

template <class Config>
requires std::derived_from<Config, RecordWriting>
void AddRecordWritingFields(Spec<Config>& spec) {
  auto add = [&spec]<class T>(const char* key, T RecordWriting::*member, std::string help,
                              FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
  add("format", &RecordWriting::format, "How a record is written.");
  add("nulls", &RecordWriting::nulls, "Write members of JSON that are null, too.");
  spec.Group("csv", static_cast<CsvRecords Config::*>(&RecordWriting::csv), CsvRecordsSpec(),
             "How CSV is written.");
  add("schema", &RecordWriting::schema,
      "Avro: the schema to write by, as JSON or as a path to it. Without one it is made of the "
      "columns.",
      {.example = "user.avsc"});
  add("record_name", &RecordWriting::record_name,
      "Full name of the record in a schema that is made of the columns. Default: the topic's.",
      {.example = "com.example.User"});
  add("subject", &RecordWriting::subject, "Of the registry. Default: as `subject_naming` says.");
  add("subject_naming", &RecordWriting::subject_naming,
      "topic: TOPIC-value; record: the record's full name; topic_record: TOPIC-NAME.");
  add("register", &RecordWriting::register_schema,
      "Tell the registry of a schema that it does not know. Otherwise the newest of the subject "
      "is written by, or `schema`, which must be there.");
}

}  // namespace millrace
