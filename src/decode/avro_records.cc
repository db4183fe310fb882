// Avro is still to come.
#include "decode/record_decoders.h"

namespace millrace {

Result<std::unique_ptr<RecordDecoder>> MakeAvroDecoder(const RecordReading&, const RecordContext&,
                                                       std::stop_token) {
  return Invalid("records of Avro cannot be read yet");
}

Result<std::unique_ptr<RecordEncoder>> MakeAvroEncoder(const RecordWriting&, const RecordContext&) {
  return Invalid("records of Avro cannot be written yet");
}

}  // namespace millrace
