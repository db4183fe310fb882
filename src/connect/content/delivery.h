// How an upload gets to its targets: in order or all of them, until enough have accepted it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "connect/content/targets.h"
#include "connect/content/upload.h"

namespace millrace::content {

enum class TryOrder { kOrder, kAll };

struct DeliveryOptions {
  int require = 1;                    // targets that must have it before it is safe
  TryOrder order = TryOrder::kOrder;  // kAll: also those beyond `require`, several at once
  bool keep = false;                  // the shards stay when it is safe
};

struct Verdict {
  std::string target;
  Result<std::string> found;  // in words
};

class Delivery {
 public:
  Delivery(std::vector<TargetChoice> choices, DeliveryOptions options, ConnectContext& context)
      : choices_(std::move(choices)), options_(options), context_(context) {}

  const std::vector<TargetChoice>& choices() const { return choices_; }
  const DeliveryOptions& options() const { return options_; }

  // ok when as many as must accept it answer.
  Status Probe(std::stop_token stop);
  // ok when `require` targets have it and it is safe: so it is remembered, and its commit where
  // that counts (`as_commit`), and then, unless it is kept, the shards go. Else what each of the
  // others said; kUnavailable when it may go well later, and the upload stays as it is. kConflict:
  // another process works on it. Killed at any instruction, it is safe or still waits.
  Status Deliver(Upload& upload, bool as_commit, std::stop_token stop);
  // Asks every target that has it.
  std::vector<Verdict> Verify(Upload& upload, std::stop_token stop);

 private:
  using Failures = std::vector<std::pair<std::string, Status>>;

  Status StoreAtEnough(Upload& upload, std::stop_token stop);
  Status Complete(Upload& upload, bool as_commit);
  Status StoreAt(const TargetChoice& choice, Upload& upload, std::stop_token stop);
  Failures TryAll(const std::vector<const TargetChoice*>& choices, Upload& upload,
                  std::stop_token stop);
  void WarnOf(const Failures& failures) const;
  Status NotEnough(const Upload& upload, const Failures& failures) const;
  void Log(const std::string& line) const;

  const std::vector<TargetChoice> choices_;
  const DeliveryOptions options_;
  ConnectContext& context_;
};

}  // namespace millrace::content
