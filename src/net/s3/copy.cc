#include <deque>

#include "net/s3/multipart.h"
#include "net/s3/xml.h"

namespace millrace {

namespace s3 {

namespace {

struct Ends {
  const std::string& from_bucket;
  const S3Object& from;
  const std::string& to_bucket;
  const std::string& to_key;
};

void AddSource(Request& request, const Ends& ends, const std::string& etag) {
  request.headers.emplace_back("x-amz-copy-source",
                               ends.from_bucket + "/" + UriEncode(ends.from.key, true));
  if (!etag.empty()) {
    request.headers.emplace_back("x-amz-copy-source-if-match", "\"" + etag + "\"");
  }
}

// 412 is the source that has another etag by now.
Result<Response> WaitForCopy(Call& call, const Ends& ends, std::stop_token stop) {
  Result<Response> response = call.Wait(stop);
  if (response.code() != Code::kConflict) return response;
  return Status(Code::kUnavailable, "s3://" + ends.from_bucket + "/" + ends.from.key +
                                        " is not what it was when listed");
}

// S3 takes parts at once and joins them at no cost; other servers write what they join again.
bool PartsAreFaster(const Core& core) { return core.host.find(".amazonaws.") != core.host.npos; }

Status CopyWhole(Core& core, const Ends& ends, int attempts, std::stop_token stop) {
  Request request{.operation = "CopyObject",
                  .method = "PUT",
                  .bucket = ends.to_bucket,
                  .key = ends.to_key,
                  .attempts = attempts};
  AddSource(request, ends, ends.from.etag);
  Call call(core, std::move(request));
  Response response = TRY(WaitForCopy(call, ends, stop));
  return ParseXml(response.body).status();
}

Status CopyParts(Core& core, Multipart& multipart, const Ends& ends, const S3Info& source,
                 int64_t part_size, std::stop_token stop) {
  std::deque<std::pair<int, std::unique_ptr<Call>>> flight;
  auto reap = [&]() -> Status {
    auto [number, call] = std::move(flight.front());
    flight.pop_front();
    Response response = TRY(WaitForCopy(*call, ends, stop));
    Xml xml = TRY(ParseXml(response.body));
    multipart.Add(number, xml.Text("ETag"), "");
    return Status::Ok();
  };
  int number = 0;
  for (int64_t offset = 0; offset < source.size; offset += part_size) {
    Request request = multipart.Part("UploadPartCopy", ++number);
    AddSource(request, ends, source.etag);
    int64_t end = std::min(offset + part_size, source.size);
    request.headers.emplace_back("x-amz-copy-source-range",
                                 "bytes=" + std::to_string(offset) + "-" + std::to_string(end - 1));
    flight.emplace_back(number, std::make_unique<Call>(core, std::move(request)));
    if (flight.size() >= static_cast<size_t>(core.options.connections)) TRY(reap());
  }
  while (!flight.empty()) TRY(reap());
  return multipart.Complete(false, stop).status();
}

}  // namespace

}  // namespace s3

Status S3Client::Copy(const std::string& from_bucket, const S3Object& from,
                      const std::string& to_bucket, const std::string& to_key,
                      std::stop_token stop) {
  s3::Ends ends{from_bucket, from, to_bucket, to_key};
  bool small = from.size <= core_->options.copy_part_size;
  if (small || (from.size <= core_->options.copy_whole && !s3::PartsAreFaster(*core_))) {
    Status whole = s3::CopyWhole(*core_, ends, small ? 0 : 1, stop);
    // A server may be silent while it copies, and for longer than read_timeout.
    if (small || whole.code() != Code::kUnavailable) return whole;
  }
  S3Info source = TRY(Head(from_bucket, from.key, stop));
  if (source.size != from.size || (!from.etag.empty() && source.etag != from.etag)) {
    return {Code::kUnavailable, "s3://" + from_bucket + "/" + from.key + " is not what it was"};
  }
  int64_t part_size = s3::PartSize(source.size, core_->options.copy_part_size);
  S3PutOptions stored{.metadata = source.metadata};
  stored.metadata.erase(s3::kPartSizeName);  // a part of the copy is another than one of the source
  s3::Multipart multipart =
      TRY(s3::Multipart::Create(*core_, to_bucket, to_key, s3::ObjectHeaders(stored), stop));
  Status status = s3::CopyParts(*core_, multipart, ends, source, part_size, stop);
  if (!status.ok()) multipart.Abort(stop);
  return status;
}

}  // namespace millrace
