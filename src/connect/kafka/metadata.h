// What comes with a record beside its value, as columns.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/yaml.h"
#include "connect/kafka/config.h"
#include "data/column_builder.h"
#include "net/kafka/consumer.h"

namespace millrace::kafka {

enum class MetadataColumn { kKey, kTopic, kPartition, kOffset, kTimestamp, kHeaders, kTombstone };

std::string_view NameOf(MetadataColumn column);
// None for a name that is none of them.
std::optional<MetadataColumn> MetadataColumnOf(std::string_view name);
// true, false or names; absent: what tells where a record came from.
Result<std::vector<MetadataColumn>> ParseMetadata(const YamlNode& node);

class MetadataBuilder {
 public:
  MetadataBuilder(std::vector<MetadataColumn> columns, KeyFormat key_format);

  const Schema& schema() const { return rows_.schema(); }
  Status Add(const std::string& topic, int partition, const KafkaRecord& record);
  Result<Rows> Take() { return rows_.Take(); }

 private:
  const std::vector<MetadataColumn> columns_;
  const KeyFormat key_format_;
  BatchBuilder rows_;
};

}  // namespace millrace::kafka
