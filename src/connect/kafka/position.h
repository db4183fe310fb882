// Where reading stands, as text: {"topic": {"0": 17, "1": 4}}. No name of a topic holds a colon:
// below "from:" stand, of the range that ends here, the begins that the position before does not
// tell.
#pragma once

#include "base/status.h"
#include "connect/source.h"
#include "net/kafka/client.h"

namespace millrace::kafka {

struct KafkaPosition {
  KafkaOffsets ends;
  KafkaOffsets from;

  static Result<KafkaPosition> Parse(const Position& position);
  Position ToPosition() const;
};

std::optional<int64_t> OffsetIn(const KafkaOffsets& offsets, const std::string& topic,
                                int partition);

// Ends that hold no more rows than about the limit, shared fairly: what one partition does not need
// the others get.
KafkaOffsets Limited(const KafkaOffsets& begins, const KafkaOffsets& ends, int64_t rows);

}  // namespace millrace::kafka
