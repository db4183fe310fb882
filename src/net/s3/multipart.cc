#include "net/s3/multipart.h"

#include "net/s3/xml.h"

namespace millrace::s3 {

namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr Micros kAbortLimit{std::chrono::seconds(10)};
constexpr Micros kAbortLimitStopped{std::chrono::milliseconds(500)};

}  // namespace

int64_t PartSize(int64_t size, int64_t least) {
  int64_t needed = (size + kMostParts - 1) / kMostParts;
  return needed <= least ? least : (needed + kMiB - 1) / kMiB * kMiB;
}

Pairs ObjectHeaders(const S3PutOptions& options) {
  Pairs headers;
  headers.emplace_back("content-type", options.content_type.empty() ? "application/octet-stream"
                                                                    : options.content_type);
  for (const auto& [name, value] : options.metadata) {
    headers.emplace_back("x-amz-meta-" + name, value);
  }
  return headers;
}

Result<Multipart> Multipart::Create(Core& core, const std::string& bucket, const std::string& key,
                                    Pairs headers, std::stop_token stop) {
  Multipart upload(core, bucket, key);
  Request request{.operation = "CreateMultipartUpload",
                  .method = "POST",
                  .bucket = bucket,
                  .key = key,
                  .query = {{"uploads", ""}},
                  .headers = std::move(headers)};
  Response response = TRY(Send(core, std::move(request), stop));
  upload.id_ = TRY(ParseXml(response.body)).Text("UploadId");
  if (!upload.id_.empty()) return upload;
  return Status(Code::kUnavailable, "CreateMultipartUpload at " + core.endpoint + " gave no id");
}

Request Multipart::Part(const char* operation, int number) const {
  return {.operation = operation,
          .method = "PUT",
          .bucket = bucket_,
          .key = key_,
          .query = {{"partNumber", std::to_string(number)}, {"uploadId", id_}}};
}

void Multipart::Add(int number, std::string etag, std::string sha256) {
  parts_[number] = {std::move(etag), std::move(sha256)};
}

Result<S3Put> Multipart::Complete(bool if_absent, std::stop_token stop) {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (const auto& [number, part] : parts_) {
    body += "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" +
            EscapeXml(part.etag) + "</ETag>";
    if (!part.sha256.empty()) body += "<ChecksumSHA256>" + part.sha256 + "</ChecksumSHA256>";
    body += "</Part>";
  }
  body += "</CompleteMultipartUpload>";
  auto owner = std::make_shared<const std::string>(std::move(body));
  Request request{.operation = "CompleteMultipartUpload",
                  .method = "POST",
                  .bucket = bucket_,
                  .key = key_,
                  .query = {{"uploadId", id_}},
                  .body = *owner,
                  .body_owner = owner};
  if (if_absent) request.headers.emplace_back("if-none-match", "*");
  Response response = TRY(Send(*core_, std::move(request), stop));
  Xml xml = TRY(ParseXml(response.body));
  return S3Put{.etag = Unquoted(xml.Text("ETag")),
               .version = response.Header("x-amz-version-id"),
               .checksum_sha256 = xml.Text("ChecksumSHA256")};
}

void Multipart::Abort(std::stop_token stop) {
  Request request{.operation = "AbortMultipartUpload",
                  .method = "DELETE",
                  .bucket = bucket_,
                  .key = key_,
                  .query = {{"uploadId", id_}},
                  .time_limit = stop.stop_requested() ? kAbortLimitStopped : kAbortLimit};
  (void)Send(*core_, std::move(request), {});
}

}  // namespace millrace::s3
