// Records of a range that are not what they should be, until the range is written.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "net/kafka/consumer.h"

namespace millrace::kafka {

class Rejects {
 public:
  Rejects(std::string rule, int64_t memory_limit) : rule_(std::move(rule)), limit_(memory_limit) {}

  // kExhausted: there are more than may be kept.
  Status Add(const std::string& topic, int partition, const KafkaRecord& record,
             const std::string& reason);
  void Clear();
  // As Source::DecodeRejects gives them.
  Result<std::optional<Sql>> ToRelation(Session& session) const;
  // Calls `take` with each record of _source_file, _line and _raw; what was not kept is absent.
  using Take = std::function<Status(const std::string& topic, int partition,
                                    const KafkaRecord& record)>;
  static Status ForEach(RowReader& rejects, const Take& take, std::stop_token stop);

 private:
  struct Reject {
    std::string place, reason, raw;
    int64_t offset = 0;
  };
  const std::string rule_;  // that they broke: "json_record"
  const int64_t limit_;
  int64_t bytes_ = 0;
  std::vector<Reject> rejects_;
};

}  // namespace millrace::kafka
