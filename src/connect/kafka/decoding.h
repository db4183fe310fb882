// Records become rows: their values, what comes beside those, and what is put aside.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/time.h"
#include "connect/kafka/config.h"
#include "connect/kafka/metadata.h"
#include "connect/kafka/rejects.h"
#include "connect/registry.h"
#include "decode/records.h"

namespace millrace::kafka {

class Decoding {
 public:
  Decoding(const SourceConfig& config, ConnectContext& context,
           std::vector<MetadataColumn> columns);

  // Empty, for records of `topic`. A registry is asked for a newer schema now and then, or at once.
  Status Open(const std::string& topic, bool at_once, std::stop_token stop);
  bool is_open() const { return decoder_ != nullptr; }
  // A record that is none is put aside.
  Status Add(const std::string& topic, int partition, const KafkaRecord& record,
             const std::stop_token& stop);
  int64_t count() const { return decoder_->count(); }  // rows since the last Take
  Result<Rows> Take();
  // Since Open.
  const Rejects& rejects() const { return rejects_; }
  std::optional<Time> oldest() const;  // of the records' times

  // Without a server; nullopt: only a registry knows.
  Result<std::optional<Schema>> Describe(std::stop_token stop) const;

 private:
  Status Make(const std::string& topic, std::stop_token stop);

  const SourceConfig& config_;
  ConnectContext& context_;
  const std::vector<MetadataColumn> columns_;
  std::unique_ptr<SchemaRegistry> registry_;
  std::unique_ptr<RecordDecoder> decoder_;
  std::chrono::steady_clock::time_point made_at_;
  std::unique_ptr<MetadataBuilder> metadata_;
  Rejects rejects_;
  int64_t oldest_ = -1;  // milliseconds since 1970
};

}  // namespace millrace::kafka
