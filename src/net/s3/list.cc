#include <charconv>

#include "net/s3/multipart.h"
#include "net/s3/xml.h"

namespace millrace {

namespace s3 {

namespace {

Request ListRequest(const std::string& bucket, const S3Query& query, const std::string& token) {
  Request request{.operation = "ListObjectsV2",
                  .method = "GET",
                  .bucket = bucket,
                  .query = {{"list-type", "2"},
                            {"encoding-type", "url"},
                            {"max-keys", std::to_string(query.page)},
                            {"prefix", query.prefix}}};
  if (!query.delimiter.empty()) request.query.emplace_back("delimiter", query.delimiter);
  if (!token.empty()) {
    request.query.emplace_back("continuation-token", token);
  } else if (!query.start_after.empty()) {
    request.query.emplace_back("start-after", query.start_after);
  }
  return request;
}

int64_t ToSize(const std::string& text) {
  int64_t size = 0;
  std::from_chars(text.data(), text.data() + text.size(), size);
  return size;
}

// Names are encoded only where the server says that it did.
std::string Name(const Xml& page, const std::string& text) {
  return page.Text("EncodingType") == "url" ? UriDecode(text) : text;
}

S3Page ToPage(const Xml& xml) {
  S3Page page;
  for (const Xml& entry : xml.children) {
    if (entry.name == "CommonPrefixes") page.prefixes.push_back(Name(xml, entry.Text("Prefix")));
    if (entry.name != "Contents") continue;
    S3Object object{.key = Name(xml, entry.Text("Key")),
                    .size = ToSize(entry.Text("Size")),
                    .etag = Unquoted(entry.Text("ETag"))};
    if (Result<Time> time = ParseTime(entry.Text("LastModified")); time.ok()) {
      object.modified = *time;
    }
    page.objects.push_back(std::move(object));
  }
  return page;
}

}  // namespace

}  // namespace s3

Status S3Client::List(const std::string& bucket, const S3Query& query,
                      const std::function<Status(S3Page)>& take, std::stop_token stop) {
  std::string token;
  do {
    s3::Response response = TRY(s3::Send(*core_, s3::ListRequest(bucket, query, token), stop));
    s3::Xml xml = TRY(s3::ParseXml(response.body));
    TRY(take(s3::ToPage(xml)));
    std::string next = xml.Text("IsTruncated") == "true" ? xml.Text("NextContinuationToken") : "";
    if (!next.empty() && next == token)
      return Internal("a listing of " + bucket + " goes in circles");
    token = std::move(next);
  } while (!token.empty());
  return Status::Ok();
}

Result<S3Page> S3Client::ListAll(const std::string& bucket, const S3Query& query,
                                 std::stop_token stop, size_t max_objects) {
  S3Page all;
  TRY(List(
      bucket, query,
      [&](S3Page page) -> Status {
        std::ranges::move(page.objects, std::back_inserter(all.objects));
        std::ranges::move(page.prefixes, std::back_inserter(all.prefixes));
        if (all.objects.size() + all.prefixes.size() <= max_objects) return Status::Ok();
        return {Code::kExhausted,
                "s3://" + bucket + "/" + query.prefix + " has more than " +
                    FormatCount(static_cast<int64_t>(max_objects)) + " objects",
                "name a longer prefix"};
      },
      stop));
  return all;
}

Result<std::vector<S3Upload>> S3Client::ListMultipartUploads(const std::string& bucket,
                                                             const std::string& prefix,
                                                             std::stop_token stop) {
  std::vector<S3Upload> uploads;
  std::string key_marker, id_marker;
  while (true) {
    s3::Request request{.operation = "ListMultipartUploads",
                        .method = "GET",
                        .bucket = bucket,
                        .query = {{"uploads", ""}, {"prefix", prefix}}};
    if (!key_marker.empty()) {
      request.query.emplace_back("key-marker", key_marker);
      request.query.emplace_back("upload-id-marker", id_marker);
    }
    s3::Xml xml = TRY(s3::ParseXml(TRY(s3::Send(*core_, std::move(request), stop)).body));
    for (const s3::Xml& entry : xml.children) {
      if (entry.name != "Upload") continue;
      S3Upload upload{.key = s3::Name(xml, entry.Text("Key")), .id = entry.Text("UploadId")};
      upload.started = TRY(ParseTime(entry.Text("Initiated")));
      uploads.push_back(std::move(upload));
    }
    std::string next = xml.Text("NextKeyMarker");
    bool more = xml.Text("IsTruncated") == "true" && !next.empty();
    if (!more || (next == key_marker && xml.Text("NextUploadIdMarker") == id_marker)) break;
    key_marker = next;
    id_marker = xml.Text("NextUploadIdMarker");
  }
  return uploads;
}

Result<int> S3Client::AbortMultipartUploads(const std::string& bucket, const std::string& prefix,
                                            Time before, std::stop_token stop) {
  int aborted = 0;
  for (const S3Upload& upload : TRY(ListMultipartUploads(bucket, prefix, stop))) {
    if (upload.started >= before) continue;
    s3::Request request{.operation = "AbortMultipartUpload",
                        .method = "DELETE",
                        .bucket = bucket,
                        .key = upload.key,
                        .query = {{"uploadId", upload.id}}};
    Status status = s3::Send(*core_, std::move(request), stop).status();
    if (status.code() == Code::kNotFound) continue;  // completed or aborted meanwhile
    TRY(Status(status));
    ++aborted;
  }
  return aborted;
}

}  // namespace millrace
