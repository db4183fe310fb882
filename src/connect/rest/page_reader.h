// The body of an answer → records in the stage: JSON, NDJSON or CSV.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "config/json_path.h"
#include "connect/rest/config.h"
#include "connect/rest/record_writer.h"
#include "net/http/message.h"

namespace millrace::rest {

class PageReader {
 public:
  // Of one source; used by many threads. `scratch`: a folder for temporary files.
  static Result<std::unique_ptr<PageReader>> Make(const SourceConfig& config,
                                                  ConnectContext& context, std::string scratch);

  // Gives the records to the writer. Returns what stands beside them. kUnavailable: the document
  // is cut off.
  Result<std::string> Read(const http::Response& head, http::BodyStream& body,
                           RecordWriter& writer, std::stop_token stop) const;

 private:
  PageReader(const SourceConfig& config, ConnectContext& context, std::string scratch)
      : config_(config), context_(context), scratch_(std::move(scratch)) {}
  Result<std::string> ReadJson(ByteReader& bytes, RecordWriter& writer, std::stop_token stop) const;
  Status ReadLines(ByteReader& bytes, RecordWriter& writer, std::stop_token stop) const;
  Status ReadCsv(ByteReader& bytes, RecordWriter& writer, std::stop_token stop) const;

  const SourceConfig& config_;
  ConnectContext& context_;
  const std::string scratch_;
  JsonPath records_;
};

}  // namespace millrace::rest
