#include <algorithm>
#include <chrono>
#include <regex>
#include <utility>

#include "connect/kafka/config.h"
#include "connect/kafka/metadata.h"
#include "connect/kafka/position.h"
#include "connect/kafka/rejects.h"
#include "connect/kafka/start.h"
#include "data/rows_columns.h"
#include "net/kafka/consumer.h"

namespace millrace::kafka {

namespace {

constexpr int64_t kTurn = 8192;        // records of one partition, before the next one's
constexpr int64_t kRecordGuess = 512;  // bytes, before one was seen
constexpr Micros kEndsAge = std::chrono::seconds(1);  // at most, where much is left to read
constexpr Micros kFetchSlice = std::chrono::milliseconds(500);

using Steady = std::chrono::steady_clock;

// Of one partition, in the opened range.
struct Part {
  std::string topic;
  int partition = 0;
  int64_t next = 0, end = 0;
};

std::string NameOf(const std::string& topic, int partition) {
  return topic + "/" + std::to_string(partition);
}

// Rows come in the same order each time a range is read: partition after partition, by turns.
class KafkaSource final : public Source {
 public:
  KafkaSource(SourceConfig config, ConnectContext& context, Start start,
              std::vector<MetadataColumn> columns)
      : config_(std::move(config)),
        context_(context),
        start_(std::move(start)),
        columns_(std::move(columns)),
        rejects_(std::string(FormatName()) + "_record", config_.max_rejected.count) {}

  Status Probe(std::stop_token stop) override { return FindTopics(stop); }
  void SetLimit(const RangeLimit& limit) override { limit_ = limit; }
  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override;
  Status Open(const Range& range, std::stop_token stop) override;
  Result<std::optional<Batch>> Read(std::stop_token stop) override;
  Status Acknowledge(const Position& position) override;
  Result<std::optional<Sql>> DecodeRejects(Session& session) override {
    return rejects_.ToRelation(session);
  }
  SourceInfo Info() const override;
  Result<std::vector<Lag>> Lags(const Position& end, std::stop_token stop) override;
  Result<std::optional<Schema>> Describe(Session& session, std::stop_token stop) override;

 private:
  std::string_view FormatName() const;
  // For questions: the consumer, once there is one.
  Result<KafkaClient*> Client();
  Status FindTopics(std::stop_token stop);
  Result<KafkaOffsets> Ends(std::stop_token stop);
  bool KnowsEnough(const std::optional<Position>& begin) const;
  Status Begins(const std::optional<Position>& begin, const KafkaOffsets& ends,
                KafkaPosition& position, KafkaOffsets& begins, std::stop_token stop);
  Status FindLost(const KafkaOffsets& ends, KafkaPosition& position, KafkaOffsets& begins,
                  std::stop_token stop);
  int64_t MostRows() const;
  Status TakeParts(const std::optional<Position>& begin, const KafkaPosition& end,
                   KafkaOffsets& begins, std::stop_token stop);
  Status CheckThere(std::stop_token stop);
  Status StartConsumer(const KafkaOffsets& begins);
  Status MakeDecoder(std::stop_token stop);
  Status ReadTurn(Part& part, std::stop_token stop);
  Status Decode(const Part& part, const std::stop_token& stop);
  Status GoneOrSlow(const Part& part, std::stop_token stop);
  Result<Batch> TakeBatch();

  const SourceConfig config_;
  ConnectContext& context_;
  const Start start_;
  const std::vector<MetadataColumn> columns_;
  RangeLimit limit_;
  std::unique_ptr<SchemaRegistry> registry_;
  std::unique_ptr<KafkaClient> client_;
  std::unique_ptr<KafkaConsumer> consumer_;
  std::map<std::string, int> topics_;  // how many partitions they have
  Steady::time_point topics_at_;
  KafkaOffsets last_ends_;      // as the brokers told last
  Steady::time_point ends_at_;
  KafkaOffsets standing_;       // where the consumer reads on
  std::unique_ptr<RecordDecoder> decoder_;
  Steady::time_point decoder_at_;
  std::unique_ptr<MetadataBuilder> metadata_;
  Rejects rejects_;
  std::vector<Part> parts_;
  size_t turn_ = 0;
  bool told_columns_ = false;
  KafkaConsumer::Fetched fetched_;
  int64_t seen_records_ = 0, seen_bytes_ = 0;
  int64_t oldest_ = -1;  // milliseconds since 1970
};

std::string_view KafkaSource::FormatName() const {
  for (const auto& [name, format] : EnumNames<RecordFormat>::kAll) {
    if (format == config_.format) return name;
  }
  return "";
}

Result<KafkaClient*> KafkaSource::Client() {
  if (consumer_) return static_cast<KafkaClient*>(consumer_.get());
  if (!client_) {
    client_ = TRY(KafkaClient::Open(OptionsOf(config_),
                                    {config_.isolation == Isolation::kReadCommitted},
                                    LogOf(context_)));
  }
  return client_.get();
}

Status KafkaSource::FindTopics(std::stop_token stop) {
  if (!topics_.empty() && Steady::now() - topics_at_ < config_.topics_refresh) return Status::Ok();
  KafkaClient& client = *TRY(Client());
  std::map<std::string, int> found;
  if (config_.topic_pattern.empty()) {
    for (const std::string& name : config_.topic)
      found[name] = TRY(client.Topic(name, stop)).partitions;
  } else {
    const std::regex pattern(config_.topic_pattern);  // it was tried when the config was read
    for (const KafkaTopic& topic : TRY(client.Topics(stop))) {
      if (std::regex_match(topic.name, pattern)) found[topic.name] = topic.partitions;
    }
    if (found.empty())
      return NotFound("no topic at " + client.brokers() + " matches '" + config_.topic_pattern +
                      "'");
  }
  topics_ = std::move(found);
  topics_at_ = Steady::now();
  return Status::Ok();
}

Result<KafkaOffsets> KafkaSource::Ends(std::stop_token stop) {
  KafkaOffsets wanted;
  for (const auto& [topic, partitions] : topics_) {
    for (int i = 0; i < partitions; ++i) wanted[topic][i] = kKafkaEnd;
  }
  last_ends_ = TRY(TRY(Client())->OffsetsAt(wanted, stop));
  ends_at_ = Steady::now();
  return last_ends_;
}

// Where much is left to read, the brokers need not be asked before each range how much it is: the
// answer comes behind what is being fetched.
bool KafkaSource::KnowsEnough(const std::optional<Position>& begin) const {
  if (!consumer_ || !begin || Steady::now() - ends_at_ > kEndsAge || topics_at_ > ends_at_)
    return false;
  Result<KafkaPosition> position = KafkaPosition::Parse(*begin);
  if (!position.ok() || position->ends != standing_) return false;
  int64_t left = 0;
  for (const auto& [topic, partitions] : last_ends_) {
    for (const auto& [partition, end] : partitions)
      left += end - OffsetIn(standing_, topic, partition).value_or(end);
  }
  return MostRows() > 0 && left >= 2 * MostRows();
}

// Where each partition begins; what `begin` does not tell goes into position.from.
Status KafkaSource::Begins(const std::optional<Position>& begin, const KafkaOffsets& ends,
                           KafkaPosition& position, KafkaOffsets& begins, std::stop_token stop) {
  KafkaOffsets known;
  if (begin) known = TRY(KafkaPosition::Parse(*begin)).ends;
  KafkaOffsets unknown;
  for (const auto& [topic, partitions] : ends) {
    for (const auto& [partition, end] : partitions) {
      if (auto offset = OffsetIn(known, topic, partition))
        begins[topic][partition] = *offset;
      else
        unknown[topic][partition] = end;
    }
  }
  // A topic that is gone: should it come back, this is where it was.
  position.ends = std::move(known);
  position.from = TRY(Resolve(begin ? Start() : start_, unknown, *TRY(Client()), stop));
  for (const auto& [topic, partitions] : position.from)
    begins[topic].insert(partitions.begin(), partitions.end());
  return FindLost(ends, position, begins, stop);
}

Status KafkaSource::FindLost(const KafkaOffsets& ends, KafkaPosition& position,
                             KafkaOffsets& begins, std::stop_token stop) {
  bool reading_on = consumer_ != nullptr && begins == standing_;
  KafkaOffsets earliest = ends;
  for (auto& [topic, partitions] : earliest) {
    for (auto& [partition, offset] : partitions) offset = kKafkaBegin;
  }
  if (!reading_on) earliest = TRY(TRY(Client())->OffsetsAt(earliest, stop));
  for (auto& [topic, partitions] : begins) {
    for (auto& [partition, begin] : partitions) {
      int64_t first = reading_on ? 0 : earliest[topic][partition];
      int64_t end = ends.at(topic).at(partition);
      if (begin >= first && begin <= end) continue;
      std::string what =
          begin > end ? NameOf(topic, partition) + " ends at offset " + std::to_string(end) +
                            ", reading stands at " + std::to_string(begin) + ": it was made anew, "
                            "or lost records"
                      : "records " + std::to_string(begin) + " to " + std::to_string(first - 1) +
                            " of " + NameOf(topic, partition) + " are gone before they were read";
      bool given = OffsetIn(position.from, topic, partition).has_value();
      if (begin > end && given)
        return Invalid("'from' begins at offset " + std::to_string(begin) + " of " +
                       NameOf(topic, partition) + ", which ends at " + std::to_string(end));
      if (config_.on_lost == OnLost::kFail && !given)
        return Invalid(what, "`on_lost: earliest` goes on with what there is, `latest` with what "
                             "comes");
      begin = config_.on_lost == OnLost::kLatest ? end : first;
      position.from[topic][partition] = begin;
      if (context_.log) context_.log("warning: " + what + ": going on at " + std::to_string(begin));
    }
  }
  return Status::Ok();
}

int64_t KafkaSource::MostRows() const {
  int64_t rows = limit_.rows;
  if (limit_.bytes > 0) {
    int64_t each = seen_records_ > 0 ? std::max<int64_t>(seen_bytes_ / seen_records_, 1)
                                     : kRecordGuess;
    int64_t fitting = std::max<int64_t>(limit_.bytes / each, 1);
    rows = rows > 0 ? std::min(rows, fitting) : fitting;
  }
  return rows;
}

Result<Position> KafkaSource::Latest(const std::optional<Position>& begin, std::stop_token stop) {
  TRY(FindTopics(stop));
  KafkaOffsets ends = KnowsEnough(begin) ? last_ends_ : TRY(Ends(stop));
  KafkaPosition position;
  KafkaOffsets begins;
  TRY(Begins(begin, ends, position, begins, stop));
  if (int64_t rows = MostRows(); rows > 0) ends = Limited(begins, ends, rows);
  if (begin && ends == begins && position.from.empty()) return *begin;
  for (const auto& [topic, partitions] : ends) {
    for (const auto& [partition, end] : partitions) position.ends[topic][partition] = end;
  }
  return position.ToPosition();
}

Status KafkaSource::Open(const Range& range, std::stop_token stop) {
  TRY(FindTopics(stop));
  Position end_position = range.end ? *range.end : TRY(Latest(range.begin, stop));
  KafkaPosition end = TRY(KafkaPosition::Parse(end_position));
  // What a position tells of the range before it does not count for the one after it.
  if (range.begin == end_position) end.from.clear();
  KafkaOffsets begins;
  TRY(TakeParts(range.begin, end, begins, stop));
  bool reading_on = consumer_ != nullptr && begins == standing_;
  if (!reading_on) TRY(CheckThere(stop));
  TRY(StartConsumer(begins));
  standing_ = begins;
  // The registry may know a newer schema by now.
  bool may_change = config_.format == RecordFormat::kAvro && config_.registry;
  bool old = Steady::now() - decoder_at_ > config_.topics_refresh;
  if (!decoder_ || (may_change && old)) TRY(MakeDecoder(stop));
  TRY(decoder_->Take());  // of a range that was not read to its end
  TRY(metadata_->Take());
  rejects_.Clear();
  turn_ = 0;
  told_columns_ = false;
  oldest_ = -1;
  return Status::Ok();
}

Status KafkaSource::TakeParts(const std::optional<Position>& begin, const KafkaPosition& end,
                              KafkaOffsets& begins, std::stop_token stop) {
  KafkaOffsets known, unknown;
  if (begin) known = TRY(KafkaPosition::Parse(*begin)).ends;
  for (const auto& [topic, partitions] : end.ends) {
    for (const auto& [partition, to] : partitions) {
      auto from = OffsetIn(end.from, topic, partition);
      if (!from) from = OffsetIn(known, topic, partition);
      if (from)
        begins[topic][partition] = *from;
      else
        unknown[topic][partition] = to;
    }
  }
  if (!unknown.empty() && (begin || start_.at == kKafkaEnd))
    return Invalid("the position does not tell where " + unknown.begin()->first + " begins");
  for (const auto& [topic, partitions] :
       TRY(Resolve(start_, unknown, *TRY(Client()), stop)))
    begins[topic].insert(partitions.begin(), partitions.end());

  parts_.clear();
  for (auto& [topic, partitions] : begins) {
    auto there = topics_.find(topic);
    int count = there == topics_.end() ? 0 : there->second;
    for (const auto& [partition, from] : partitions) {
      int64_t to = *OffsetIn(end.ends, topic, partition);
      if (from < to) parts_.push_back({topic, partition, from, to});
    }
    std::erase_if(partitions, [&](const auto& each) { return each.first >= count; });
  }
  std::erase_if(begins, [](const auto& each) { return each.second.empty(); });
  return Status::Ok();
}

// The range can be read whole, or kInvalid.
Status KafkaSource::CheckThere(std::stop_token stop) {
  KafkaOffsets first, last;
  for (const Part& part : parts_) {
    auto topic = topics_.find(part.topic);
    if (topic == topics_.end() || part.partition >= topic->second)
      return Invalid(NameOf(part.topic, part.partition) + " is not there any more");
    first[part.topic][part.partition] = kKafkaBegin;
    last[part.topic][part.partition] = kKafkaEnd;
  }
  KafkaClient& client = *TRY(Client());
  first = TRY(client.OffsetsAt(first, stop));
  last = TRY(client.OffsetsAt(last, stop));
  for (const Part& part : parts_) {
    int64_t begin = first[part.topic][part.partition], end = last[part.topic][part.partition];
    if (begin <= part.next && end >= part.end) continue;
    return Invalid("records " + std::to_string(part.next) + " to " + std::to_string(part.end - 1) +
                       " of " + NameOf(part.topic, part.partition) + " are not all there: it has " +
                       std::to_string(begin) + " to " + std::to_string(end - 1),
                   "its retention removed them, or it was made anew; see `on_lost`");
  }
  return Status::Ok();
}

Status KafkaSource::StartConsumer(const KafkaOffsets& begins) {
  if (!consumer_) {
    int64_t partitions = 0;
    for (const auto& [topic, offsets] : begins) partitions += static_cast<int64_t>(offsets.size());
    KafkaReading reading;
    reading.committed_only = config_.isolation == Isolation::kReadCommitted;
    reading.group = config_.group.empty() ? "millrace." + context_.task : config_.group;
    reading.memory_each = config_.fetch_memory.count / std::max<int64_t>(partitions, 1);
    reading.fetch_wait = config_.fetch_wait;
    consumer_ = TRY(KafkaConsumer::Open(OptionsOf(config_), reading, LogOf(context_)));
    client_.reset();
  }
  return consumer_->Assign(begins);
}

Status KafkaSource::MakeDecoder(std::stop_token stop) {
  if (!registry_) registry_ = TRY(RegistryOf(config_, context_));
  RecordContext records{.topic = topics_.begin()->first,
                        .folder = context_.folder,
                        .registry = registry_.get()};
  decoder_ = TRY(MakeRecordDecoder(config_, records, stop));
  decoder_at_ = Steady::now();
  metadata_ = std::make_unique<MetadataBuilder>(columns_, config_.key_format);
  for (const Column& column : metadata_->schema().columns) {
    if (decoder_->schema().Find(column.name))
      return Invalid("the records have a column '" + column.name + "' of their own",
                     "leave it out of `metadata`");
  }
  return Status::Ok();
}

Status KafkaSource::Decode(const Part& part, const std::stop_token& stop) {
  for (const KafkaRecord& record : fetched_.records) {
    Status added = record.has_value ? decoder_->Add(record.value, stop) : decoder_->AddNull();
    if (added.code() == Code::kRejected) {
      TRY(rejects_.Add(part.topic, part.partition, record, added.message()));
      continue;
    }
    TRY(std::move(added));
    if (!columns_.empty()) TRY(metadata_->Add(part.topic, part.partition, record));
    if (record.timestamp >= 0 && (oldest_ < 0 || record.timestamp < oldest_))
      oldest_ = record.timestamp;
  }
  seen_records_ += static_cast<int64_t>(fetched_.records.size());
  seen_bytes_ += fetched_.bytes;
  return Status::Ok();
}

// Nothing came for long.
Status KafkaSource::GoneOrSlow(const Part& part, std::stop_token stop) {
  KafkaOffsets end = TRY(consumer_->OffsetsAt({{part.topic, {{part.partition, kKafkaEnd}}}}, stop));
  int64_t offset = end[part.topic][part.partition];
  if (offset < part.end)
    return Invalid(NameOf(part.topic, part.partition) + " ends at offset " +
                       std::to_string(offset) + " by now, before " + std::to_string(part.end),
                   "it lost records or was made anew; see `on_lost`");
  return {Code::kUnavailable, "no record of " + NameOf(part.topic, part.partition) +
                                  " came in " + FormatDuration(config_.fetch_timeout)};
}

// A turn is as long each time, however the records come in.
Status KafkaSource::ReadTurn(Part& part, std::stop_token stop) {
  auto waiting_since = Steady::now();
  for (int64_t left = kTurn; left > 0 && part.next < part.end;) {
    TRY(consumer_->Fetch(part.topic, part.partition, part.end, static_cast<size_t>(left),
                         kFetchSlice, fetched_, stop));
    TRY(Decode(part, stop));
    if (!fetched_.records.empty()) {
      left -= static_cast<int64_t>(fetched_.records.size());
      part.next = fetched_.records.back().offset + 1;
      waiting_since = Steady::now();
    }
    if (fetched_.reached) part.next = part.end;
    standing_[part.topic][part.partition] = part.next;
    if (part.next < part.end && Steady::now() - waiting_since > config_.fetch_timeout)
      return GoneOrSlow(part, stop);
  }
  return Status::Ok();
}

Result<Batch> KafkaSource::TakeBatch() {
  told_columns_ = true;  // a range without rows has columns all the same
  Rows rows = TRY(decoder_->Take());
  if (!columns_.empty()) rows = TRY(JoinColumns(rows, TRY(metadata_->Take())));
  return Batch{std::move(rows), KafkaPosition{.ends = standing_}.ToPosition()};
}

Result<std::optional<Batch>> KafkaSource::Read(std::stop_token stop) {
  if (!decoder_) return Internal("Read before Open");
  while (!parts_.empty() && decoder_->count() < config_.batch_rows) {
    if (stop.stop_requested()) return Canceled();
    if (turn_ >= parts_.size()) turn_ = 0;
    TRY(ReadTurn(parts_[turn_], stop));
    if (parts_[turn_].next >= parts_[turn_].end)
      parts_.erase(parts_.begin() + static_cast<ptrdiff_t>(turn_));
    else
      ++turn_;
  }
  if (decoder_->count() == 0 && told_columns_) return std::optional<Batch>();
  return std::optional(TRY(TakeBatch()));
}

Status KafkaSource::Acknowledge(const Position& position) {
  // Nobody read when nothing was new: the group was told before.
  if (consumer_) consumer_->TellGroup(TRY(KafkaPosition::Parse(position)).ends);
  return Status::Ok();
}

SourceInfo KafkaSource::Info() const {
  SourceInfo info;
  if (oldest_ >= 0) info.oldest = Time(std::chrono::milliseconds(oldest_));
  return info;
}

Result<std::vector<Lag>> KafkaSource::Lags(const Position& end, std::stop_token stop) {
  KafkaOffsets ends = TRY(KafkaPosition::Parse(end)).ends;
  if (last_ends_.empty()) {
    TRY(FindTopics(stop));
    TRY(Ends(stop));
  }
  std::vector<Lag> lags;
  for (const auto& [topic, partitions] : last_ends_) {
    for (const auto& [partition, offset] : partitions) {
      int64_t at = OffsetIn(ends, topic, partition).value_or(0);
      lags.push_back({.partition = NameOf(topic, partition),
                      .behind = std::max<int64_t>(offset - at, 0)});
    }
  }
  return lags;
}

Result<std::optional<Schema>> KafkaSource::Describe(Session&, std::stop_token stop) {
  // Avro's columns are told by the registry.
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

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  Start start = TRY(ParseStart(config.from));
  std::vector<MetadataColumn> columns = TRY(ParseMetadata(config.metadata));
  return std::unique_ptr<Source>(
      std::make_unique<KafkaSource>(config, context, std::move(start), std::move(columns)));
}

}  // namespace millrace::kafka
