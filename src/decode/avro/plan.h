// How records of one schema become rows with the columns of another, by Avro's rules for schema
// resolution: made once for two schemas, then run for each record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "data/column_builder.h"
#include "decode/avro/avro_schema.h"

namespace millrace::avro {

struct Step {
  enum class Code : uint8_t {
    kSkipNothing,
    kSkipVarint,
    kSkipFixed,  // `number` bytes
    kSkipBytes,
    kSkipRecord,  // `steps`
    kSkipArray,   // of steps[0]
    kSkipMap,
    kSkipUnion,
    kFail,  // `text` says why
    kNull,
    kBoolean,
    kInt,
    kLong,
    kFloat,
    kDouble,
    kIntToReal,  // also of a long
    kFloatToDouble,
    kText,  // checked to be UTF-8
    kBytes,
    kFixed,      // `number` bytes
    kDecimal,    // of bytes, or of `number` bytes when that is not -1
    kTime,       // `number` × `divide`: to microseconds
    kTimeOfDay,  // likewise, as text
    kUuid,       // of 16 bytes
    kDuration,
    kEnum,    // `names`; steps[i] is 0 where the reader has no such symbol
    kRecord,  // `steps` in the order of the bytes
    kArray,
    kMap,
    kUnion,    // `steps` by branch
    kMember,   // the struct of a union: steps[0] fills member `number`
    kDefault,  // steps[0] reads `text`
  };
  Code code = Code::kFail;
  int64_t number = 0, divide = 1;
  int64_t least = 0;  // bytes that it takes at least
  ColumnBuilder* out = nullptr;
  std::vector<int> steps;
  std::vector<std::string> names;
  std::string text;
};

class Plan {
 public:
  // Into `rows`, whose columns are ColumnsOf(reader); it must outlive the plan. kInvalid: the
  // schemas do not fit together, and where.
  static Result<Plan> Make(const AvroSchema& writer, const AvroSchema& reader, BatchBuilder& rows);

  // Appends the values of one row. kRejected: the bytes are no such record; the caller rolls back.
  Status Read(std::string_view record) const;

 private:
  friend class PlanMaker;
  std::vector<Step> steps_;
  int root_ = 0;
};

}  // namespace millrace::avro
