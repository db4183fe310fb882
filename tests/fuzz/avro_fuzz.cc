// rooms: base
// files: src/data/column_builder.cc src/data/schema.cc src/data/type_parser.cc src/data/value_text.cc
// files: src/decode/avro/avro_schema.cc src/decode/avro/columns.cc src/decode/avro/defaults.cc
// files: src/decode/avro/plan.cc src/decode/avro/read.cc
//
// Three lines: the writer's schema, the reader's ("" for the same), and a record of any bytes,
// which may have line ends.
#include <string>

#include "data/column_builder.h"
#include "decode/avro/avro_schema.h"
#include "decode/avro/plan.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

using avro::AvroSchema;

std::string_view TakeLine(std::string_view& text) {
  size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Each column has as many values as there are rows, whatever was read.
bool IsEven(BatchBuilder& rows) {
  for (size_t i = 0; i < rows.schema().columns.size(); ++i) {
    if (rows.column(i).length() != rows.count()) return false;
  }
  return true;
}

void Check(std::string_view text) {
  std::string_view writer_text = TakeLine(text), reader_text = TakeLine(text);
  Result<AvroSchema> writer = AvroSchema::Parse(writer_text);
  if (!writer.ok()) return;
  Result<AvroSchema> reader = reader_text.empty() ? writer : AvroSchema::Parse(reader_text);
  if (!reader.ok()) return;
  Result<Schema> columns = avro::ColumnsOf(*reader);
  if (!columns.ok() || columns->columns.empty()) return;
  BatchBuilder rows(*columns);
  Result<avro::Plan> plan = avro::Plan::Make(*writer, *reader, rows);
  if (!plan.ok()) return;
  for (std::string_view record : {text, std::string_view(), text}) {
    int64_t before = rows.count();
    if (plan->Read(record).ok()) {
      Must(rows.EndRow().ok(), "a record of 4 kB fills no column");
      Must(IsEven(rows), "a row has a value in each column");
    } else {
      rows.Rollback();
      Must(rows.count() == before && IsEven(rows), "nothing stays of what was rejected");
    }
  }
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  millrace::fuzz::Check(millrace::fuzz::Text(data, size));
  return 0;
}
