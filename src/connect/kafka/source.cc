#include <algorithm>
#include <chrono>
#include <regex>
#include <utility>

#include "connect/kafka/config.h"
#include "connect/kafka/decoding.h"
#include "connect/kafka/position.h"
#include "connect/kafka/shard.h"
#include "connect/kafka/start.h"
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
  KafkaSource(SourceConfig config, ConnectContext& context, Shard shard, Start start,
              std::vector<MetadataColumn> columns)
      : config_(std::move(config)),
        context_(context),
        shard_(shard),
        start_(std::move(start)),
        decoding_(config_, context, std::move(columns)) {}

  Status Probe(std::stop_token stop) override { return FindTopics(stop); }
  void SetLimit(const RangeLimit& limit) override { limit_ = limit; }
  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override;
  Status Open(const Range& range, std::stop_token stop) override;
  Result<bool> OpenRejects(RowReader& rejects, std::stop_token stop) override;
  Result<std::optional<Batch>> Read(std::stop_token stop) override;
  Status Acknowledge(const Position& position) override;
  Result<std::optional<Sql>> DecodeRejects(Session& session) override {
    return decoding_.rejects().ToRelation(session);
  }
  SourceInfo Info() const override;
  Result<std::vector<Lag>> Lags(const Position& end, std::stop_token stop) override;
  Result<std::optional<Schema>> Describe(Session&, std::stop_token stop) override {
    return decoding_.Describe(stop);
  }

 private:
  // For questions: the consumer, once there is one.
  Result<KafkaClient*> Client();
  Status FindTopics(std::stop_token stop);
  Result<KafkaOffsets> Ends(std::stop_token stop);
  bool KnowsEnough(const std::optional<Position>& begin) const;
  Status Begins(const std::optional<Position>& begin, const KafkaOffsets& ends,
                KafkaPosition& position, KafkaOffsets& begins, std::stop_token stop);
  Status RefuseOthers(const KafkaOffsets& unknown, std::stop_token stop);
  std::string Group() const;
  Status FindLost(const KafkaOffsets& ends, KafkaPosition& position, KafkaOffsets& begins,
                  std::stop_token stop);
  int64_t MostRows() const;
  Status TakeParts(const std::optional<Position>& begin, const KafkaPosition& end,
                   KafkaOffsets& begins, std::stop_token stop);
  Status CheckThere(std::stop_token stop);
  Status StartConsumer(const KafkaOffsets& begins);
  Status ReadTurn(Part& part, std::stop_token stop);
  Status GoneOrSlow(const Part& part, std::stop_token stop);
  Result<Batch> TakeBatch();

  const SourceConfig config_;
  ConnectContext& context_;
  const Shard shard_;
  const Start start_;
  RangeLimit limit_;
  std::unique_ptr<KafkaClient> client_;
  std::unique_ptr<KafkaConsumer> consumer_;
  std::map<std::string, int> topics_;  // how many partitions they have
  Steady::time_point topics_at_;
  KafkaOffsets last_ends_;      // as the brokers told last
  Steady::time_point ends_at_;
  KafkaOffsets standing_;       // where the consumer reads on
  Decoding decoding_;
  std::vector<Part> parts_;
  size_t turn_ = 0;
  bool told_columns_ = false;
  KafkaConsumer::Fetched fetched_;
  int64_t seen_records_ = 0, seen_bytes_ = 0;
};

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
    for (int i = shard_.index; i < partitions; i += shard_.count) wanted[topic][i] = kKafkaEnd;
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
  // What was of another shard when it was read, others read since.
  if (begin) known = shard_.Of(TRY(KafkaPosition::Parse(*begin)).ends);
  KafkaOffsets unknown;
  for (const auto& [topic, partitions] : ends) {
    for (const auto& [partition, end] : partitions) {
      if (auto offset = OffsetIn(known, topic, partition))
        begins[topic][partition] = *offset;
      else
        unknown[topic][partition] = end;
    }
  }
  bool sharded = !config_.shard.empty();
  if (!unknown.empty() && (!begin || sharded)) TRY(RefuseOthers(unknown, stop));
  Start start = begin ? Start() : start_;
  if (sharded) start.offsets = start_.offsets;
  // A topic that is gone: should it come back, this is where it was.
  position.ends = std::move(known);
  position.from = TRY(Resolve(start, unknown, *TRY(Client()), stop));
  for (const auto& [topic, partitions] : position.from)
    begins[topic].insert(partitions.begin(), partitions.end());
  return FindLost(ends, position, begins, stop);
}

std::string KafkaSource::Group() const {
  if (!config_.group.empty()) return config_.group;
  return "millrace." + WithoutShard(context_.task, config_.shard);
}

Status KafkaSource::RefuseOthers(const KafkaOffsets& unknown, std::stop_token stop) {
  KafkaOffsets all;
  for (const auto& [topic, partitions] : topics_) {
    for (int i = 0; i < partitions; ++i) all[topic][i] = 0;
  }
  auto told = TRY(Client())->GroupOffsets(Group(), all, /*stable=*/false, stop);
  if (told.code() == Code::kInvalid) return Status::Ok();  // who may not ask, may not tell either
  TRY(told.status());
  Readers readers{.group = Group(), .told = *std::move(told)};
  return readers.Refuse(unknown, start_, context_.task, config_.shard);
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
  TRY(decoding_.Open(topics_.begin()->first, /*at_once=*/false, stop));
  turn_ = 0;
  told_columns_ = false;
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

// Their keys, headers and times were not kept.
Result<bool> KafkaSource::OpenRejects(RowReader& rejects, std::stop_token stop) {
  TRY(FindTopics(stop));
  TRY(decoding_.Open(topics_.begin()->first, /*at_once=*/true, stop));
  parts_.clear();
  told_columns_ = false;
  TRY(Rejects::ForEach(
      rejects,
      [&](const std::string& topic, int partition, const KafkaRecord& record) {
        return decoding_.Add(topic, partition, record, stop);
      },
      stop));
  return true;
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
    reading.group = Group();
    reading.note = ReaderNote(context_.task, config_.shard);
    reading.memory_each = config_.fetch_memory.count / std::max<int64_t>(partitions, 1);
    reading.fetch_wait = config_.fetch_wait;
    consumer_ = TRY(KafkaConsumer::Open(OptionsOf(config_), reading, LogOf(context_)));
    client_.reset();
  }
  return consumer_->Assign(begins);
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
    for (const KafkaRecord& record : fetched_.records)
      TRY(decoding_.Add(part.topic, part.partition, record, stop));
    seen_records_ += static_cast<int64_t>(fetched_.records.size());
    seen_bytes_ += fetched_.bytes;
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
  return Batch{TRY(decoding_.Take()), KafkaPosition{.ends = standing_}.ToPosition()};
}

Result<std::optional<Batch>> KafkaSource::Read(std::stop_token stop) {
  if (!decoding_.is_open()) return Internal("Read before Open");
  while (!parts_.empty() && decoding_.count() < config_.batch_rows) {
    if (stop.stop_requested()) return Canceled();
    if (turn_ >= parts_.size()) turn_ = 0;
    TRY(ReadTurn(parts_[turn_], stop));
    if (parts_[turn_].next >= parts_[turn_].end)
      parts_.erase(parts_.begin() + static_cast<ptrdiff_t>(turn_));
    else
      ++turn_;
  }
  if (decoding_.count() == 0 && told_columns_) return std::optional<Batch>();
  return std::optional(TRY(TakeBatch()));
}

Status KafkaSource::Acknowledge(const Position& position) {
  // Nobody read when nothing was new: the group was told before.
  if (consumer_) consumer_->TellGroup(TRY(KafkaPosition::Parse(position)).ends);
  return Status::Ok();
}

SourceInfo KafkaSource::Info() const {
  SourceInfo info;
  info.oldest = decoding_.oldest();
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

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  Start start = TRY(ParseStart(config.from));
  std::vector<MetadataColumn> columns = TRY(ParseMetadata(config.metadata));
  return std::unique_ptr<Source>(
      std::make_unique<KafkaSource>(config, context, TRY(Shard::Parse(config.shard)),
                                    std::move(start), std::move(columns)));
}

}  // namespace millrace::kafka
