// rooms: base
// files: src/data/schema.cc src/lake/json_text.cc src/lake/log_entry.cc src/lake/schema_json.cc
// files: src/lake/file_url.cc src/lake/log_file_name.cc src/lake/table_state.cc src/lake/table_features.cc
//
// Any bytes as an entry of a Delta log, as a table's schema, as statistics, as the name of a file
// in the log.
#include <string>

#include "lake/file_url.h"
#include "lake/log_entry.h"
#include "lake/log_file_name.h"
#include "lake/schema_json.h"
#include "lake/table_features.h"
#include "lake/table_state.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

void CheckEntry(std::string_view text) {
  Result<LogEntry> entry = ParseLogEntry(text);
  if (!entry.ok()) {
    Must(!entry.status().message().empty(), "a refused entry says why");
    return;
  }
  std::string printed = PrintLogEntry(*entry);
  Result<LogEntry> again = ParseLogEntry(printed);
  Must(again.ok(), "what we print we read");
  Must(PrintLogEntry(*again) == printed, "reading and printing changes nothing");
  TableState state;
  state.version = 0;
  if (!state.Apply(*entry).ok()) return;
  Must(state.files.size() <= entry->adds.size(), "no file comes of nothing");
  (void)state.CheckWhole();
  (void)CheckReadable(state.protocol);
  (void)CheckWritable(state, WriteKind::kRewrite);
  Snapshot snapshot = state.ToSnapshot();
  Must(snapshot.files.size() == state.files.size(), "the snapshot has the state's files");
  (void)snapshot.rows();
  // Taking back all that was added leaves none.
  LogEntry removal;
  for (const AddFile& add : entry->adds) removal.removes.push_back(RemovalOf(add, 0, true));
  Must(state.Apply(removal).ok() && state.files.size() == 0, "a removal takes back its add");
}

void CheckSchema(std::string_view text) {
  (void)AnyFieldHas(text, "delta.invariants");
  Result<Schema> schema = ParseSchemaJson(text);
  if (!schema.ok()) return;
  std::string printed = PrintSchemaJson(*schema, text);
  Result<Schema> again = ParseSchemaJson(printed);
  Must(again.ok() && *again == *schema, "a schema comes back as it was");
  for (const Column& column : schema->columns) Must(!column.type.ToSql().empty(), "a type has SQL");
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz::CheckEntry(text);
  fuzz::CheckSchema(text);
  fuzz::Must(DecodePath(EncodePath(text)) == text || text.starts_with("file:"),
             "a path comes back");
  (void)DecodePath(text);
  (void)RowsInStats(std::string(text));
  (void)ParseLogFileName(text);
  return 0;
}
