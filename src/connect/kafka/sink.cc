#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "connect/kafka/config.h"
#include "connect/kafka/metadata.h"
#include "data/column_view.h"
#include "data/rows_columns.h"
#include "net/kafka/producer.h"

namespace millrace::kafka {

namespace {

// A broker takes 4096 bytes with an offset unless it is told otherwise (offset.metadata.max.bytes).
constexpr size_t kMostPosition = 4000;
constexpr int kCommitPartition = 0;  // of the topic: where the group's offset stands

template <class E>
std::string NameIn(E value) {
  for (const auto& [name, each] : EnumNames<E>::kAll) {
    if (each == value) return std::string(name);
  }
  return "";
}

// Numbers of the columns with a meaning of their own, and of those that make the value.
struct Layout {
  std::optional<size_t> key, headers, timestamp, tombstone;
  std::vector<size_t> value;
  Schema value_schema;
};

// The task's commits are offsets that a group of its own commits within the transaction: the offset
// is the sequence, its metadata the position.
class KafkaSink final : public Sink {
 public:
  KafkaSink(SinkConfig config, ConnectContext& context)
      : config_(std::move(config)), context_(context) {}

  Status Probe(std::stop_token stop) override;
  Status Accepts(const Schema& schema, std::stop_token stop) override;
  Result<std::optional<Committed>> LastCommit(std::string_view task, std::stop_token stop) override;
  Status Open(const Schema& schema, const WriteIntent& intent, std::stop_token stop) override;
  Status Write(const Rows& rows, std::stop_token stop) override;
  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override;
  Status Commit(const CommitInfo& commit, std::stop_token stop) override;
  std::string Target() const override { return config_.topic; }

 private:
  bool Transactional() const { return config_.delivery == Delivery::kExactlyOnce; }
  std::string IdOf(std::string_view task) const;
  std::string GroupOf(std::string_view task) const { return IdOf(task) + ".commits"; }
  RecordContext Records() const {
    return {.topic = config_.topic, .folder = context_.folder, .registry = registry_.get()};
  }
  Result<KafkaClient*> Client();
  Status StartProducer(std::stop_token stop);
  Status FindTopic(std::stop_token stop);
  Status Arrange(const Schema& schema);
  Status DropTransaction(std::stop_token stop);
  Status Begin(std::stop_token stop);
  Status Fill(const RowsView& rows, int64_t row);
  Status CommitTransaction(const CommitInfo& commit, const KafkaGroupOffset& offset,
                           std::stop_token stop);
  // The producer's own failures leave it of no use: the next Open makes another.
  Status Judge(Status status) {
    if (!status.ok() && status.code() != Code::kInvalid) producer_.reset();
    return status;
  }

  const SinkConfig config_;
  ConnectContext& context_;
  std::unique_ptr<SchemaRegistry> registry_;
  std::unique_ptr<KafkaClient> client_;
  std::unique_ptr<KafkaProducer> producer_;
  std::unique_ptr<RecordEncoder> encoder_;
  bool topic_is_there_ = false, in_transaction_ = false, opened_ = false, asked_ = false;
  Schema schema_;
  Layout layout_;
  KafkaRecordToSend record_;
  std::string key_text_;
  int64_t bytes_ = 0;      // since Open
  int64_t committed_ = 0;  // the newest sequence that is known to be there
};

std::string KafkaSink::IdOf(std::string_view task) const {
  if (!config_.transactional_id.empty()) return config_.transactional_id;
  return "millrace." + std::string(task) + "." + config_.topic;
}

Result<KafkaClient*> KafkaSink::Client() {
  if (!client_) client_ = TRY(KafkaClient::Open(OptionsOf(config_), {}, LogOf(context_)));
  return client_.get();
}

Status KafkaSink::FindTopic(std::stop_token stop) {
  if (topic_is_there_) return Status::Ok();
  KafkaClient& client = *TRY(Client());
  Result<KafkaTopic> topic = client.Topic(config_.topic, stop);
  if (!topic.ok() && topic.code() != Code::kNotFound) return topic.status();
  if (!topic.ok() && !config_.create_topic)
    return NotFound(topic.status().message(), "make it, or let the sink: `create_topic: {}`");
  topic_is_there_ = topic.ok();
  return Status::Ok();
}

Status KafkaSink::Probe(std::stop_token stop) { return FindTopic(stop); }

Status KafkaSink::Accepts(const Schema& schema, std::stop_token stop) {
  TRY(Probe(stop));
  TRY(Arrange(schema));
  if (!registry_) registry_ = TRY(RegistryOf(config_, context_));
  return CheckWriterSchema(config_, Records(), layout_.value_schema, stop);
}

Status KafkaSink::StartProducer(std::stop_token stop) {
  if (producer_) return Status::Ok();
  in_transaction_ = false;
  KafkaWriting writing;
  if (Transactional()) writing.transactional_id = IdOf(context_.task);
  writing.transaction_timeout = config_.transaction_timeout;
  writing.delivery_timeout = config_.delivery_timeout;
  writing.compression = NameIn(config_.compression);
  writing.partitioner = NameIn(config_.partitioner);
  writing.linger = config_.linger;
  writing.memory_limit = config_.memory_limit.count;
  producer_ =
      TRY(KafkaProducer::Open(OptionsOf(config_), writing, config_.topic, LogOf(context_)));
  return Transactional() ? Judge(producer_->Fence(stop)) : Status::Ok();
}

Result<std::optional<Committed>> KafkaSink::LastCommit(std::string_view task,
                                                       std::stop_token stop) {
  // Before it is asked, what a killed process left must be completed or aborted. `plan` only looks,
  // and must not disturb a run.
  bool settle = Transactional() && !context_.planning && task == context_.task;
  if (settle) TRY(StartProducer(stop));
  KafkaClient& client = settle ? *producer_ : *TRY(Client());
  auto found = TRY(client.GroupOffset(GroupOf(task), config_.topic, kCommitPartition,
                                      !context_.planning, stop));
  if (task == context_.task) asked_ = true;
  if (!found) return std::optional<Committed>();
  if (task == context_.task) committed_ = found->offset;
  return std::optional<Committed>({found->offset, found->metadata});
}

Status KafkaSink::Arrange(const Schema& schema) {
  layout_ = {};
  auto named = [&](const std::string& configured, MetadataColumn column) {
    std::string wanted = configured.empty() ? std::string(NameOf(column)) : configured;
    for (size_t i = 0; i < schema.columns.size(); ++i) {
      if (Schema{{schema.columns[i]}}.Find(wanted)) return std::optional<size_t>(i);
    }
    return std::optional<size_t>();
  };
  layout_.key = named(config_.key, MetadataColumn::kKey);
  layout_.headers = named(config_.headers, MetadataColumn::kHeaders);
  layout_.timestamp = named("", MetadataColumn::kTimestamp);
  layout_.tombstone = named("", MetadataColumn::kTombstone);
  if (!config_.key.empty() && !layout_.key)
    return Invalid("there is no column '" + config_.key + "' to be the key");
  if (!config_.headers.empty() && !layout_.headers)
    return Invalid("there is no column '" + config_.headers + "' with headers");
  auto kind_of = [&](const std::optional<size_t>& column) { return schema.columns[*column].type; };
  using enum TypeKind;
  static constexpr TypeKind kKeys[] = {kVarchar, kBlob, kTinyInt, kSmallInt, kInteger, kBigInt};
  if (layout_.key && std::ranges::find(kKeys, kind_of(layout_.key).kind) == std::end(kKeys))
    return Invalid("column '" + schema.columns[*layout_.key].name + "' is " +
                       kind_of(layout_.key).ToSql() + ", which is no key",
                   "write it as text: SELECT …::VARCHAR AS _key");
  if (layout_.headers) {
    const Type& type = kind_of(layout_.headers);
    bool texts = type.kind == kMap && type.children[0].type.kind == kVarchar &&
                 (type.children[1].type.kind == kVarchar || type.children[1].type.kind == kBlob);
    if (!texts) return Invalid("headers are a MAP(VARCHAR, VARCHAR or BLOB), not " + type.ToSql());
  }
  if (layout_.tombstone && kind_of(layout_.tombstone).kind != kBoolean)
    return Invalid("'_tombstone' must be BOOLEAN");
  if (layout_.timestamp && kind_of(layout_.timestamp).kind != kTimestampTz)
    layout_.timestamp.reset();
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    // What a record carries beside its value; the place where it was read from is none of it.
    if (MetadataColumnOf(schema.columns[i].name) || layout_.headers == i) continue;
    layout_.value.push_back(i);
    layout_.value_schema.columns.push_back(schema.columns[i]);
  }
  return Status::Ok();
}

Status KafkaSink::Open(const Schema& schema, const WriteIntent& intent, std::stop_token stop) {
  TRY(DropTransaction(stop));
  if (intent.refresh && context_.log)
    context_.log("warning: topic " + config_.topic + " keeps the records that it has");
  TRY(FindTopic(stop));
  if (!topic_is_there_) {
    KafkaTopicWish wanted{config_.topic, config_.create_topic->partitions,
                         config_.create_topic->replication, config_.create_topic->config};
    TRY(TRY(Client())->CreateTopic(wanted, stop));
    topic_is_there_ = true;
  }
  if (!opened_ || schema != schema_) {
    TRY(Arrange(schema));
    if (!registry_) registry_ = TRY(RegistryOf(config_, context_));
    encoder_ = TRY(MakeRecordEncoder(config_, Records()));
    TRY(encoder_->Open(layout_.value_schema, stop));
    schema_ = schema;
  }
  TRY(StartProducer(stop));
  client_.reset();  // the producer answers what is asked from here on
  if (!asked_) TRY(LastCommit(context_.task, stop));
  opened_ = true;
  bytes_ = 0;
  return Status::Ok();
}

Status KafkaSink::DropTransaction(std::stop_token stop) {
  if (std::exchange(in_transaction_, false) && producer_) return Judge(producer_->Abort(stop));
  return Status::Ok();
}

Status KafkaSink::Begin(std::stop_token stop) {
  if (!producer_) return Internal("a record is written before Open");
  if (!Transactional() || in_transaction_) return Status::Ok();
  TRY(Judge(producer_->Begin(stop)));
  in_transaction_ = true;
  return Status::Ok();
}

// All of the record but its value.
Status KafkaSink::Fill(const RowsView& rows, int64_t row) {
  record_.key.reset();
  if (layout_.key) {
    const ColumnView& key = rows.column(*layout_.key);
    bool bytes = key.type().kind == TypeKind::kVarchar || key.type().kind == TypeKind::kBlob;
    if (!key.IsNull(row) && bytes) {
      record_.key = key.Bytes(row);
    } else if (!key.IsNull(row)) {
      key_text_ = std::to_string(key.Int(row));
      record_.key = key_text_;
    }
  }
  record_.timestamp = 0;
  if (layout_.timestamp && !rows.column(*layout_.timestamp).IsNull(row))
    record_.timestamp = rows.column(*layout_.timestamp).Int(row) / 1000;
  record_.headers.clear();
  if (!layout_.headers || rows.column(*layout_.headers).IsNull(row)) return Status::Ok();
  const ColumnView& headers = rows.column(*layout_.headers);
  // A map's one child is the pair.
  const ColumnView& names = headers.child(0);
  const ColumnView& values = headers.child(1);
  auto [first, last] = headers.List(row);
  for (int64_t i = first; i < last; ++i) {
    auto& [name, value] = record_.headers.emplace_back(std::string(names.Bytes(i)), std::nullopt);
    if (!values.IsNull(i)) value = std::string(values.Bytes(i));
  }
  return Status::Ok();
}

Status KafkaSink::Write(const Rows& rows, std::stop_token stop) {
  if (rows.count() == 0) return Status::Ok();
  TRY(Begin(stop));
  RowsView view = TRY(RowsView::Of(rows));
  if (view.columns() != schema_.columns.size()) return Internal("rows of another shape");
  auto take = [&](int64_t row, std::string_view value) -> Status {
    TRY(Fill(view, row));
    bool tombstone = layout_.tombstone && !view.column(*layout_.tombstone).IsNull(row) &&
                     view.column(*layout_.tombstone).Bool(row);
    record_.value.reset();
    if (!tombstone) record_.value = value;
    bytes_ += static_cast<int64_t>(value.size());
    return producer_->Produce(record_, stop);
  };
  return Judge(encoder_->Encode(TRY(SelectColumns(rows, layout_.value)), take, stop));
}

Result<WriteCount> KafkaSink::WriteFrom(Session& session, const Sql& rows, std::stop_token stop) {
  WriteCount count = TRY(Sink::WriteFrom(session, rows, stop));
  count.bytes = bytes_;
  return count;
}

Status KafkaSink::CommitTransaction(const CommitInfo& commit, const KafkaGroupOffset& offset,
                                    std::stop_token stop) {
  TRY(Begin(stop));  // a commit without records is one, too
  TRY(Judge(producer_->Flush(stop)));
  TRY(Judge(producer_->AddGroupOffset(GroupOf(commit.id.task), kCommitPartition, offset, stop)));
  TRY(Failpoint("kafka.transaction.before"));
  TRY(Judge(producer_->Commit(stop)));
  in_transaction_ = false;
  return Failpoint("kafka.transaction.after");
}

Status KafkaSink::Commit(const CommitInfo& commit, std::stop_token stop) {
  if (!asked_) TRY(LastCommit(commit.id.task, stop));
  if (committed_ >= commit.id.sequence) return DropTransaction(stop);
  if (!opened_) return Internal("Commit before Open");
  KafkaGroupOffset offset{commit.id.sequence, commit.position};
  if (offset.metadata.size() > kMostPosition) offset.metadata.clear();
  if (Transactional()) {
    TRY(CommitTransaction(commit, offset, stop));
  } else {
    TRY(Judge(producer_->Flush(stop)));
    TRY(Failpoint("kafka.offset.before"));
    TRY(Judge(producer_->SetGroupOffset(GroupOf(commit.id.task), config_.topic, kCommitPartition,
                                        offset, stop)));
  }
  committed_ = commit.id.sequence;
  return Status::Ok();
}

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  return std::unique_ptr<Sink>(std::make_unique<KafkaSink>(config, context));
}

}  // namespace millrace::kafka
