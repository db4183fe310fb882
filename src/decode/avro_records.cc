// Records of Avro ↔ rows, with a schema registry or without.
#include <cstring>
#include <map>
#include <utility>
#include <variant>

#include "base/text.h"
#include "data/column_builder.h"
#include "data/column_view.h"
#include "decode/avro/avro_schema.h"
#include "decode/avro/plan.h"
#include "decode/avro/write.h"
#include "decode/record_decoders.h"

namespace millrace {

namespace {

// Confluent's frame: a zero, and the schema's id as four bytes, the highest first
// (https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/).
constexpr size_t kFrame = 5;
constexpr size_t kMostPlans = 1000;  // of writers' schemas; then they are made anew
constexpr const char* kAvro = "AVRO";

Result<avro::AvroSchema> Parsed(const RegisteredSchema& schema, const std::string& what) {
  if (schema.type != kAvro)
    return Invalid(what + " is a schema of " + schema.type + ", not of Avro");
  Result<avro::AvroSchema> parsed = avro::AvroSchema::Parse(schema.text, schema.references);
  if (!parsed.ok()) return parsed.status().In(what);
  return parsed;
}

class AvroDecoder final : public RecordDecoder {
 public:
  AvroDecoder(const RecordReading& config, SchemaRegistry* registry, avro::AvroSchema reader,
              Schema columns)
      : config_(config),
        registry_(registry),
        reader_(std::move(reader)),
        rows_(std::move(columns)) {}

  Status Open() {
    if (registry_ != nullptr) return Status::Ok();
    plans_.emplace(0, TRY(avro::Plan::Make(reader_, reader_, rows_)));
    return Status::Ok();
  }

  const Schema& schema() const override { return rows_.schema(); }
  int64_t count() const override { return rows_.count(); }
  Result<Rows> Take() override { return rows_.Take(); }

  Status Add(std::string_view record, const std::stop_token& stop) override {
    TRY(CheckLength(record, config_));
    int32_t id = 0;
    if (registry_ != nullptr) {
      if (record.size() < kFrame || record[0] != '\0')
        return Rejected(
            "it does not begin with a zero and a schema's id, as those written with a "
            "schema registry do");
      for (size_t i = 1; i < kFrame; ++i) id = id << 8 | static_cast<unsigned char>(record[i]);
      record.remove_prefix(kFrame);
    }
    if (last_ == nullptr || id != last_id_) {
      last_ = TRY(PlanFor(id, stop));
      last_id_ = id;
    }
    if (const Status* why = std::get_if<Status>(last_)) return *why;
    Status read = std::get<avro::Plan>(*last_).Read(record);
    if (read.ok()) return rows_.EndRow();
    rows_.Rollback();
    return read;
  }

  Status AddNull() override {
    for (size_t i = 0; i < rows_.schema().columns.size(); ++i) rows_.column(i).AppendNull();
    return rows_.EndRow();
  }

 private:
  // Or why records of this writer cannot be read.
  using PlanOrStatus = std::variant<avro::Plan, Status>;

  static Status Rejected(std::string what) { return {Code::kRejected, std::move(what)}; }

  Result<PlanOrStatus*> PlanFor(int32_t id, std::stop_token stop) {
    auto known = plans_.find(id);
    if (known != plans_.end()) return &known->second;
    Result<std::shared_ptr<const RegisteredSchema>> registered = registry_->ById(id, stop);
    // The registry remembers for a while that there is none.
    if (registered.code() == Code::kNotFound)
      return Status(Code::kRejected, registered.status().message(), registered.status().hint());
    if (!registered.ok()) return registered.status();
    std::string what = "schema " + std::to_string(id);
    Result<avro::AvroSchema> writer = Parsed(**registered, what);
    PlanOrStatus made = Rejected(writer.status().message());
    if (writer.ok()) {
      Result<avro::Plan> plan = avro::Plan::Make(*writer, reader_, rows_);
      made = plan.ok()
                 ? PlanOrStatus(*std::move(plan))
                 : Rejected(what +
                            " cannot be read as the columns' schema: " + plan.status().message());
    }
    if (plans_.size() >= kMostPlans) plans_.clear();
    return &plans_.insert_or_assign(id, std::move(made)).first->second;
  }

  const RecordReading config_;
  SchemaRegistry* const registry_;
  const avro::AvroSchema reader_;
  BatchBuilder rows_;
  std::map<int32_t, PlanOrStatus> plans_;
  PlanOrStatus* last_ = nullptr;
  int32_t last_id_ = 0;
};

// --- rows → Avro

struct WriterSchema {
  std::string text;
  avro::AvroSchema schema;
  std::string subject;
  int32_t id = 0;  // 0: not known yet
};

// Letters that Avro's names have.
std::string NameOfTopic(const std::string& topic) {
  std::string name;
  for (char c : topic) name += IsNameByte(c) ? c : '_';
  if (name.empty() || !IsName(name)) name.insert(0, "_");
  return name;
}

std::string SubjectOf(const RecordWriting& config, const RecordContext& context,
                      const std::string& record) {
  if (!config.subject.empty()) return config.subject;
  switch (config.subject_naming) {
    case SubjectNaming::kTopic: break;
    case SubjectNaming::kRecord: return record;
    case SubjectNaming::kTopicRecord: return context.topic + "-" + record;
  }
  return TopicSubject(context);
}

// The schema to write by: given, the registry's newest, or made of the columns.
Result<WriterSchema> FindSchema(const RecordWriting& config, const RecordContext& context,
                                const Schema& columns, std::stop_token stop) {
  WriterSchema found;
  std::string name = config.record_name.empty() ? NameOfTopic(context.topic) : config.record_name;
  if (config.schema.empty() && context.registry && !config.register_schema) {
    found.subject = SubjectOf(config, context, name);
    RegisteredSchema newest = TRY(context.registry->Version(found.subject, 0, stop));
    std::string what = "subject '" + found.subject + "' version " + std::to_string(newest.version);
    found.schema = TRY(Parsed(newest, what));
    found.text = newest.text;
    found.id = newest.id;
    return found;
  }
  found.text = config.schema.empty() ? TRY(avro::SchemaTextOf(columns, name))
                                     : TRY(SchemaText(config.schema, context.folder));
  Result<avro::AvroSchema> parsed = avro::AvroSchema::Parse(found.text);
  if (!parsed.ok()) return parsed.status().In("schema");
  found.schema = *std::move(parsed);
  found.subject = SubjectOf(config, context, found.schema.NameOf(found.schema.root()));
  return found;
}

class AvroEncoder final : public RecordEncoder {
 public:
  AvroEncoder(const RecordWriting& config, const RecordContext& context)
      : config_(config), context_(context) {}

  Status Open(const Schema& schema, std::stop_token stop) override {
    columns_ = schema.columns.size();
    WriterSchema found = TRY(FindSchema(config_, context_, schema, stop));
    plan_ = TRY(avro::WritePlan::Make(schema, found.schema));
    if (context_.registry == nullptr) return Status::Ok();
    if (found.id == 0) {
      found.id = config_.register_schema
                     ? TRY(context_.registry->Register(found.subject, kAvro, found.text, stop))
                     : TRY(context_.registry->Find(found.subject, kAvro, found.text, stop));
    }
    frame_.assign(1, '\0');
    for (int shift = 24; shift >= 0; shift -= 8) frame_ += static_cast<char>(found.id >> shift);
    return Status::Ok();
  }

  Status Encode(const Rows& rows, const TakeRecord& take, std::stop_token stop) override {
    RowsView view = TRY(RowsView::Of(rows));
    if (view.columns() != columns_) return Internal("rows of another shape than Open told");
    for (int64_t row = 0; row < view.count(); ++row) {
      if (row % 1024 == 0 && stop.stop_requested()) return Canceled();
      out_ = frame_;
      Status appended = plan_.Append(view, row, out_);
      if (!appended.ok()) return appended.In("row " + std::to_string(row));
      TRY(take(row, out_));
    }
    return Status::Ok();
  }

 private:
  const RecordWriting config_;
  const RecordContext context_;
  avro::WritePlan plan_;
  size_t columns_ = 0;
  std::string frame_, out_;
};

}  // namespace

Result<std::unique_ptr<RecordDecoder>> MakeAvroDecoder(const RecordReading& config,
                                                       const RecordContext& context,
                                                       std::stop_token stop) {
  avro::AvroSchema reader;
  std::string what = "schema";
  if (!config.schema.empty()) {
    std::string text = TRY(SchemaText(config.schema, context.folder));
    Result<avro::AvroSchema> parsed = avro::AvroSchema::Parse(text);
    if (!parsed.ok()) return parsed.status().In(what);
    reader = *std::move(parsed);
  } else if (context.registry == nullptr) {
    return Invalid("Avro needs a schema", "name a `schema`, or a `registry` in the connection");
  } else {
    std::string subject = config.subject.empty() ? TopicSubject(context) : config.subject;
    RegisteredSchema newest =
        TRY(context.registry->Version(subject, config.schema_version, std::move(stop)));
    what = "subject '" + subject + "' version " + std::to_string(newest.version);
    reader = TRY(Parsed(newest, what));
  }
  Result<Schema> columns = avro::ColumnsOf(reader);
  if (!columns.ok()) return columns.status().In(what);
  auto decoder = std::make_unique<AvroDecoder>(config, context.registry, std::move(reader),
                                               *std::move(columns));
  TRY(decoder->Open());
  return std::unique_ptr<RecordDecoder>(std::move(decoder));
}

Result<std::unique_ptr<RecordEncoder>> MakeAvroEncoder(const RecordWriting& config,
                                                       const RecordContext& context) {
  return std::unique_ptr<RecordEncoder>(std::make_unique<AvroEncoder>(config, context));
}

Status CheckWriterSchema(const RecordWriting& config, const RecordContext& context,
                         const Schema& columns, std::stop_token stop) {
  if (config.format != RecordFormat::kAvro) return Status::Ok();
  WriterSchema found = TRY(FindSchema(config, context, columns, stop));
  TRY(avro::WritePlan::Make(columns, found.schema));
  if (context.registry == nullptr || found.id != 0) return Status::Ok();
  if (!config.register_schema)
    return context.registry->Find(found.subject, kAvro, found.text, stop).status();
  Compatibility answer = TRY(context.registry->Check(found.subject, kAvro, found.text, stop));
  if (answer.compatible) return Status::Ok();
  return Invalid("subject '" + found.subject +
                     "' does not take the schema, it is incompatible with earlier ones" +
                     (answer.why.empty() ? "" : ": " + answer.why),
                 "change the columns so that they fit, or the subject's compatibility");
}

}  // namespace millrace
