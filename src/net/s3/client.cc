#include <openssl/evp.h>

#include <mutex>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/parallel.h"
#include "net/s3/digest.h"
#include "net/s3/multipart.h"
#include "net/s3/xml.h"

namespace millrace {

namespace {

constexpr size_t kKeysADelete = 1000;  // of S3
constexpr size_t kClientsKept = 64;

std::string Md5Base64(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_md5(), nullptr);
  return Base64({reinterpret_cast<char*>(digest), length});
}

s3::Request DeleteRequest(const std::string& bucket, std::shared_ptr<const std::string> body) {
  s3::Request request{.operation = "DeleteObjects",
                      .method = "POST",
                      .bucket = bucket,
                      .query = {{"delete", ""}},
                      .body = *body,
                      .body_owner = body,
                      .body_sha256 = Sha256Hex(*body)};
  request.headers = {{"content-md5", Md5Base64(*body)}, {"content-type", "application/xml"}};
  return request;
}

}  // namespace

S3Client::S3Client(std::unique_ptr<s3::Core> core) : core_(std::move(core)) {}
S3Client::~S3Client() = default;

const std::string& S3Client::endpoint() const { return core_->endpoint; }
const S3Options& S3Client::options() const { return core_->options; }

Result<std::shared_ptr<S3Client>> OpenS3(const S3Options& options) {
  static std::mutex mutex;
  static auto& clients = *new std::vector<std::pair<S3Options, std::shared_ptr<S3Client>>>();
  std::lock_guard lock(mutex);
  for (const auto& [known, client] : clients) {
    if (known == options) return client;
  }
  auto client = std::make_shared<S3Client>(TRY(s3::Core::Open(options)));
  if (clients.size() < kClientsKept) clients.emplace_back(options, client);
  return client;
}

Status S3Client::Delete(const std::string& bucket, const std::string& key, std::stop_token stop) {
  s3::Request request{
      .operation = "DeleteObject", .method = "DELETE", .bucket = bucket, .key = key, .fine = 404};
  s3::Response response = TRY(s3::Send(*core_, std::move(request), stop));
  if (response.body.find("NoSuchBucket") == response.body.npos) return Status::Ok();
  return NotFound("bucket '" + bucket + "' at " + endpoint() + " does not exist");
}

Status S3Client::DeleteMany(const std::string& bucket, const std::vector<std::string>& keys,
                            std::stop_token stop) {
  for (size_t begin = 0; begin < keys.size(); begin += kKeysADelete) {
    std::string body = "<Delete><Quiet>true</Quiet>";
    for (size_t i = begin; i < std::min(keys.size(), begin + kKeysADelete); ++i) {
      body += "<Object><Key>" + s3::EscapeXml(keys[i]) + "</Key></Object>";
    }
    body += "</Delete>";
    auto owner = std::make_shared<const std::string>(std::move(body));
    s3::Response response = TRY(s3::Send(*core_, DeleteRequest(bucket, owner), stop));
    s3::Xml xml = TRY(s3::ParseXml(response.body));
    for (const s3::Xml& error : xml.children) {
      if (error.name != "Error" || error.Text("Code") == "NoSuchKey") continue;
      return Invalid("cannot delete s3://" + bucket + "/" + error.Text("Key") + ": " +
                     error.Text("Code") + ": " + error.Text("Message"));
    }
  }
  return Status::Ok();
}

Status S3Client::CreateBucket(const std::string& bucket, std::stop_token stop) {
  const std::string& region = core_->options.region;
  auto body = std::make_shared<std::string>();
  if (region != "us-east-1") {
    *body =
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<LocationConstraint>" +
        s3::EscapeXml(region) + "</LocationConstraint></CreateBucketConfiguration>";
  }
  s3::Request request{.operation = "CreateBucket",
                      .method = "PUT",
                      .bucket = bucket,
                      .body = *body,
                      .body_owner = body,
                      .fine = 409};
  s3::Response response = TRY(s3::Send(*core_, std::move(request), stop));
  if (response.status != 409) return Status::Ok();
  std::string code = TRY(s3::ParseXml(response.body)).Text("Code");
  if (code == "BucketAlreadyOwnedByYou") return Status::Ok();
  if (code != "BucketAlreadyExists") {
    return {Code::kUnavailable, "bucket '" + bucket + "' at " + endpoint() + ": " + code};
  }
  return {Code::kConflict, "bucket '" + bucket + "' at " + endpoint() + " belongs to somebody else",
          "choose another name"};
}

Status S3Client::HeadBucket(const std::string& bucket, std::stop_token stop) {
  s3::Request request{.operation = "HeadBucket", .method = "HEAD", .bucket = bucket};
  Status status = s3::Send(*core_, std::move(request), stop).status();
  if (status.code() != Code::kNotFound) return status;
  return NotFound("bucket '" + bucket + "' at " + endpoint() + " does not exist",
                  "create it or name another");
}

Status S3Client::SupportsConditionalPut(const std::string& bucket, const std::string& prefix,
                                        std::stop_token stop) {
  if (core_->conditions_hold) return Status::Ok();
  std::string key = prefix + ".millrace-probe-" + NewUuid();
  constexpr char kHint[] = "a table needs a server that puts an object only if none is there";
  S3PutOptions once{.if_absent = true};
  Status first = Put(bucket, key, "1", once, stop).status();
  if (first.code() == Code::kInvalid || first.code() == Code::kConflict) {
    Status plain = Put(bucket, key, "1", {}, stop).status();
    if (!plain.ok()) return plain;  // it is not the condition
    (void)Delete(bucket, key, stop);
    return Invalid("the server rejects 'If-None-Match: *': " + first.message(), kHint);
  }
  TRY(Status(first));
  Status second = Put(bucket, key, "2", once, stop).status();
  Status removed = Delete(bucket, key, stop);
  if (second.code() == Code::kConflict) {
    core_->conditions_hold = true;
    return removed;
  }
  TRY(Status(second));
  return Invalid("the server at " + endpoint() + " ignores 'If-None-Match: *'", kHint);
}

Result<std::string> S3Client::Diagnose(const std::string& bucket, std::stop_token stop) {
  s3::Request request{.operation = bucket.empty() ? "ListBuckets" : "ListObjectsV2",
                      .method = "GET",
                      .bucket = bucket,
                      .attempts = 1};
  if (!bucket.empty()) request.query = {{"list-type", "2"}, {"max-keys", "1"}};
  auto begin = std::chrono::steady_clock::now();
  s3::Response response = TRY(s3::Send(*core_, std::move(request), stop));
  auto took = std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now() - begin);
  std::string text = endpoint() + " answers in " + FormatDuration(took) + ", region " +
                     core_->options.region + ", ";
  bool anonymous = core_->options.credentials == S3Credentials::kAnonymous;
  text += anonymous ? "without signing in" : "the keys are right";
  if (!bucket.empty()) text += ", bucket '" + bucket + "' can be listed";
  std::string server = response.Header("server");
  return server.empty() ? text : text + " (" + server + ")";
}

Status S3Client::ForEach(size_t count, const std::function<Status(size_t, std::stop_token)>& work,
                         std::stop_token stop) {
  auto at_once = static_cast<size_t>(core_->options.connections);
  return ForEachAtOnce(count, at_once, work, std::move(stop));
}

}  // namespace millrace
