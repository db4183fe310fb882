#include "connect/sink.h"

#include <memory>

namespace millrace {

Result<WriteCount> Sink::WriteFrom(Session& session, const Sql& rows, std::stop_token stop) {
  std::unique_ptr<RowReader> reader = TRY(session.Query(rows, stop));
  WriteCount count;
  while (true) {
    std::optional<Rows> batch = TRY(reader->Next(stop));
    if (!batch) return count;
    TRY(Write(*batch, stop));
    count.rows += batch->count();
  }
}

Result<WriteCount> Sink::TakeFiles(const std::vector<OfferedFile>& /*files*/,
                                   std::stop_token /*stop*/) {
  return Invalid(Target() + " takes rows, not whole files",
                 "use `to: {landing: NAME}` to keep files as they came");
}

}  // namespace millrace
