#include "net/kafka/client.h"

#include <librdkafka/rdkafka.h>

#include <array>
#include <utility>

#include "base/text.h"
#include "net/kafka/core.h"
#include "net/kafka/handles.h"

namespace millrace {

using kafka::Core;

namespace {

using AdminOptions = std::unique_ptr<rd_kafka_AdminOptions_t, void (*)(rd_kafka_AdminOptions_t*)>;

AdminOptions OptionsFor(Core& core, rd_kafka_admin_op_t operation) {
  AdminOptions options(rd_kafka_AdminOptions_new(core.handle, operation),
                       rd_kafka_AdminOptions_destroy);
  char why[512];
  auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(core.options.timeout);
  rd_kafka_AdminOptions_set_request_timeout(options.get(), static_cast<int>(millis.count()), why,
                                            sizeof why);
  return options;
}

Result<kafka::Metadata> MetadataOf(Core& core, const std::string& topic, const std::string& what,
                                   std::stop_token stop) {
  kafka::Metadata metadata;
  kafka::TopicHandle handle;
  if (!topic.empty()) handle.reset(rd_kafka_topic_new(core.handle, topic.c_str(), nullptr));
  TRY(core.Ask(
      what,
      [&](int millis) {
        const rd_kafka_metadata_t* got = nullptr;
        auto error =
            rd_kafka_metadata(core.handle, topic.empty() ? 1 : 0, handle.get(), &got, millis);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) metadata.reset(got);
        return static_cast<int>(error);
      },
      stop));
  return metadata;
}

}  // namespace

KafkaClient::KafkaClient(std::unique_ptr<Core> core) : core_(std::move(core)) {}
KafkaClient::~KafkaClient() = default;

Result<std::unique_ptr<KafkaClient>> KafkaClient::Open(const KafkaOptions& options,
                                                       KafkaIsolation see, Log log) {
  // A consumer: as a producer it would make topics by asking for them.
  const char* isolation = see.committed_only ? "read_committed" : "read_uncommitted";
  auto core = TRY(Core::Open(
      kafka::Kind::kConsumer, options,
      {{"allow.auto.create.topics", "false"}, {"isolation.level", isolation}}, std::move(log)));
  return std::unique_ptr<KafkaClient>(new KafkaClient(std::move(core)));
}

const KafkaOptions& KafkaClient::options() const { return core_->options; }
std::string KafkaClient::brokers() const { return Join(core_->options.brokers, ", "); }

Result<std::vector<KafkaTopic>> KafkaClient::Topics(std::stop_token stop) {
  auto metadata = TRY(MetadataOf(*core_, "", "listing topics", stop));
  std::vector<KafkaTopic> topics;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic& topic = metadata->topics[i];
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR)
      topics.push_back({topic.topic, topic.partition_cnt});
  }
  return topics;
}

Result<int> KafkaClient::CountBrokers(std::stop_token stop) {
  return TRY(MetadataOf(*core_, "", "listing brokers", stop))->broker_cnt;
}

Result<KafkaTopic> KafkaClient::Topic(const std::string& name, std::stop_token stop) {
  auto metadata = TRY(MetadataOf(*core_, name, "topic " + name, stop));
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic& topic = metadata->topics[i];
    if (topic.topic != name) continue;
    if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR)
      return kafka::StatusOf(topic.err, core_->Name() + ": topic " + name);
    return KafkaTopic{name, topic.partition_cnt};
  }
  return NotFound(core_->Name() + " has no topic " + name);
}

Result<KafkaOffsets> KafkaClient::OffsetsAt(const KafkaOffsets& times, std::stop_token stop) {
  kafka::Partitions list;
  if (times.empty()) return times;
  TRY(core_->Ask(
      "offsets",
      [&](int millis) {
        list = kafka::ListOf(times);  // each attempt overwrites it
        int error = rd_kafka_offsets_for_times(core_->handle, list.get(), millis);
        for (int i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; ++i)
          error = list->elems[i].err;
        return error;
      },
      stop));
  KafkaOffsets offsets;
  KafkaOffsets after_all;  // no record is so young
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = list->elems[i];
    (each.offset < 0 ? after_all : offsets)[each.topic][each.partition] =
        each.offset < 0 ? kKafkaEnd : each.offset;
  }
  if (after_all.empty()) return offsets;
  if (after_all == times) return Status(Code::kUnavailable, core_->Name() + " tells no offsets");
  for (const auto& [topic, partitions] : TRY(OffsetsAt(after_all, stop)))
    offsets[topic].insert(partitions.begin(), partitions.end());
  return offsets;
}

Result<std::optional<KafkaGroupOffset>> KafkaClient::GroupOffset(const std::string& group,
                                                                 const std::string& topic,
                                                                 int partition, bool stable,
                                                                 std::stop_token stop) {
  auto found = TRY(GroupOffsets(group, {{topic, {{partition, 0}}}}, stable, stop));
  if (found.empty()) return std::optional<KafkaGroupOffset>();
  return std::optional(found[topic][partition]);
}

Result<KafkaGroupOffsets> KafkaClient::GroupOffsets(const std::string& group,
                                                    const KafkaOffsets& partitions, bool stable,
                                                    std::stop_token stop) {
  // By a consumer of the group that joins nothing. The admin request for the same crashes
  // librdkafka 2.0.2 when the broker's coordinator has just started.
  auto member = TRY(kafka::Core::Open(
      kafka::Kind::kConsumer, core_->options,
      {{"group.id", group},
       {"enable.auto.commit", "false"},
       {"isolation.level", stable ? "read_committed" : "read_uncommitted"}},
      core_->log));
  kafka::Partitions list;
  TRY(member->Ask(
      "what group " + group + " committed",
      [&](int millis) {
        list = kafka::ListOf(partitions);  // each attempt overwrites it
        int error = rd_kafka_committed(member->handle, list.get(), millis);
        for (int i = 0; error == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; ++i)
          error = list->elems[i].err;
        return error;
      },
      stop));
  KafkaGroupOffsets found;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = list->elems[i];
    if (each.offset < 0) continue;
    found[each.topic][each.partition] = {
        each.offset, std::string(static_cast<const char*>(each.metadata), each.metadata_size)};
  }
  return found;
}

Status KafkaClient::SetGroupOffset(const std::string& group, const std::string& topic,
                                   int partition, const KafkaGroupOffset& offset,
                                   std::stop_token stop) {
  const std::string what = "committing for group " + group;
  AdminOptions options = OptionsFor(*core_, RD_KAFKA_ADMIN_OP_ALTERCONSUMERGROUPOFFSETS);
  kafka::Queue queue(rd_kafka_queue_new(core_->handle));
  kafka::Partitions list = kafka::ListOf({{topic, {{partition, offset.offset}}}});
  // librdkafka frees the metadata with its own allocator.
  void* metadata = rd_kafka_mem_malloc(core_->handle, offset.metadata.size() + 1);
  offset.metadata.copy(static_cast<char*>(metadata), offset.metadata.size());
  list->elems[0].metadata = metadata;
  list->elems[0].metadata_size = offset.metadata.size();
  std::unique_ptr<rd_kafka_AlterConsumerGroupOffsets_t,
                  void (*)(rd_kafka_AlterConsumerGroupOffsets_t*)>
      request(rd_kafka_AlterConsumerGroupOffsets_new(group.c_str(), list.get()),
              rd_kafka_AlterConsumerGroupOffsets_destroy);
  Status failure;
  TRY(core_->Ask(
      what,
      [&](int) {
        auto* requests = request.get();
        rd_kafka_AlterConsumerGroupOffsets(core_->handle, &requests, 1, options.get(),
                                           queue.get());
        auto answer = core_->Answer(queue.get(), stop);
        failure = answer.status();
        if (!answer.ok()) return static_cast<int>(RD_KAFKA_RESP_ERR_NO_ERROR);
        if (int error = rd_kafka_event_error(answer->get())) return error;
        size_t count = 0;
        auto groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
            rd_kafka_event_AlterConsumerGroupOffsets_result(answer->get()), &count);
        if (count == 0) return static_cast<int>(RD_KAFKA_RESP_ERR_NO_ERROR);
        if (const rd_kafka_error_t* error = rd_kafka_group_result_error(groups[0]))
          return static_cast<int>(rd_kafka_error_code(error));
        auto told = rd_kafka_group_result_partitions(groups[0]);
        return static_cast<int>(told && told->cnt > 0 ? told->elems[0].err
                                                      : RD_KAFKA_RESP_ERR_NO_ERROR);
      },
      stop));
  return failure;
}

Status KafkaClient::CreateTopic(const KafkaTopicWish& topic, std::stop_token stop) {
  const std::string what = "making topic " + topic.name;
  std::array<char, 512> why{};
  std::unique_ptr<rd_kafka_NewTopic_t, void (*)(rd_kafka_NewTopic_t*)> wanted(
      rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, topic.replication, why.data(),
                            why.size()),
      rd_kafka_NewTopic_destroy);
  if (!wanted) return Invalid(what + ": " + why.data());
  for (const auto& [name, value] : topic.config)
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  AdminOptions options = OptionsFor(*core_, RD_KAFKA_ADMIN_OP_CREATETOPICS);
  kafka::Queue queue(rd_kafka_queue_new(core_->handle));
  auto* topics = wanted.get();
  rd_kafka_CreateTopics(core_->handle, &topics, 1, options.get(), queue.get());
  auto answer = TRY(core_->Answer(queue.get(), stop));
  if (int error = rd_kafka_event_error(answer.get()))
    return kafka::StatusOf(error, core_->Name() + ": " + what,
                           rd_kafka_event_error_string(answer.get()));
  size_t count = 0;
  auto results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer.get()), &count);
  for (size_t i = 0; i < count; ++i) {
    auto error = rd_kafka_topic_result_error(results[i]);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
      continue;
    const char* words = rd_kafka_topic_result_error_string(results[i]);
    return kafka::StatusOf(error, core_->Name() + ": " + what, words ? words : "");
  }
  return Status::Ok();
}

}  // namespace millrace
