#include "connect/kafka/decoding.h"

#include <utility>

#include "data/rows_columns.h"

namespace millrace::kafka {

namespace {

std::string RuleOf(RecordFormat format) {
  for (const auto& [name, each] : EnumNames<RecordFormat>::kAll) {
    if (each == format) return std::string(name) + "_record";
  }
  return "record";
}

}  // namespace

Decoding::Decoding(const SourceConfig& config, ConnectContext& context,
                   std::vector<MetadataColumn> columns)
    : config_(config),
      context_(context),
      columns_(std::move(columns)),
      rejects_(RuleOf(config.format), config.max_rejected.count) {}

Status Decoding::Open(const std::string& topic, bool at_once, std::stop_token stop) {
  bool may_change = config_.format == RecordFormat::kAvro && config_.registry;
  bool old = std::chrono::steady_clock::now() - made_at_ > config_.topics_refresh;
  if (!decoder_ || (may_change && (old || at_once))) TRY(Make(topic, stop));
  TRY(decoder_->Take());  // of a range that was not read to its end
  TRY(metadata_->Take());
  rejects_.Clear();
  oldest_ = -1;
  return Status::Ok();
}

Status Decoding::Make(const std::string& topic, std::stop_token stop) {
  if (!registry_) registry_ = TRY(RegistryOf(config_, context_));
  RecordContext records{.topic = topic, .folder = context_.folder, .registry = registry_.get()};
  decoder_ = TRY(MakeRecordDecoder(config_, records, stop));
  made_at_ = std::chrono::steady_clock::now();
  metadata_ = std::make_unique<MetadataBuilder>(columns_, config_.key_format);
  for (const Column& column : metadata_->schema().columns) {
    if (decoder_->schema().Find(column.name))
      return Invalid("the records have a column '" + column.name + "' of their own",
                     "leave it out of `metadata`");
  }
  return Status::Ok();
}

Status Decoding::Add(const std::string& topic, int partition, const KafkaRecord& record,
                     const std::stop_token& stop) {
  Status added = record.has_value ? decoder_->Add(record.value, stop) : decoder_->AddNull();
  if (added.code() == Code::kRejected)
    return rejects_.Add(topic, partition, record, added.message());
  TRY(std::move(added));
  if (!columns_.empty()) TRY(metadata_->Add(topic, partition, record));
  if (record.timestamp >= 0 && (oldest_ < 0 || record.timestamp < oldest_))
    oldest_ = record.timestamp;
  return Status::Ok();
}

Result<Rows> Decoding::Take() {
  Rows rows = TRY(decoder_->Take());
  if (columns_.empty()) return rows;
  return JoinColumns(rows, TRY(metadata_->Take()));
}

std::optional<Time> Decoding::oldest() const {
  if (oldest_ < 0) return std::nullopt;
  return Time(std::chrono::milliseconds(oldest_));
}

Result<std::optional<Schema>> Decoding::Describe(std::stop_token stop) const {
  if (config_.format == RecordFormat::kAvro && config_.schema.empty())
    return std::optional<Schema>();
  RecordContext records{.topic = config_.topic.empty() ? "topic" : config_.topic.front(),
                        .folder = context_.folder};
  auto decoder = TRY(MakeRecordDecoder(config_, records, stop));
  Schema schema = decoder->schema();
  MetadataBuilder metadata(columns_, config_.key_format);
  for (const Column& column : metadata.schema().columns) schema.columns.push_back(column);
  return std::optional<Schema>(std::move(schema));
}

}  // namespace millrace::kafka
