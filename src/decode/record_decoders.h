// The decoders and encoders behind record_format.h. Private to decode/.
#pragma once

#include <memory>
#include <stop_token>

#include "base/status.h"
#include "decode/record_format.h"

namespace millrace {

std::unique_ptr<RecordDecoder> MakeJsonDecoder(const RecordReading& config, bool framed);
std::unique_ptr<RecordDecoder> MakeCsvDecoder(const RecordReading& config);
// One column, `value`: VARCHAR for text, BLOB for bytes.
std::unique_ptr<RecordDecoder> MakePlainDecoder(const RecordReading& config);
Result<std::unique_ptr<RecordDecoder>> MakeAvroDecoder(const RecordReading& config,
                                                       const RecordContext& context,
                                                       std::stop_token stop);

std::unique_ptr<RecordEncoder> MakeJsonEncoder(const RecordWriting& config);
std::unique_ptr<RecordEncoder> MakeCsvEncoder(const RecordWriting& config);
std::unique_ptr<RecordEncoder> MakePlainEncoder(const RecordWriting& config);
Result<std::unique_ptr<RecordEncoder>> MakeAvroEncoder(const RecordWriting& config,
                                                       const RecordContext& context);

// kRejected when a record is longer than it may be.
Status TooLong(std::string_view record, const RecordReading& config);
inline Status CheckLength(std::string_view record, const RecordReading& config) {
  bool fits = static_cast<int64_t>(record.size()) <= config.max_record.count;
  return fits ? Status::Ok() : TooLong(record, config);
}

// Text of a schema: itself, or what the file has.
Result<std::string> SchemaText(const std::string& schema, const std::string& folder);
// "TOPIC-value", unless the config names it.
std::string TopicSubject(const RecordContext& context);

}  // namespace millrace
