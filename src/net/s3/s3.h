// S3 and what speaks its protocol (AWS, MinIO, versitygw, Ceph): buckets, objects, multipart
// uploads, conditional puts. The protocol: Amazon S3 API Reference, 2006-03-01; requests are signed
// with SigV4. The bytes are moved by aws-c-s3; no header of it is needed here.
//
// A client is thread-safe; all calls block, return within one second of a stop, and try again what
// a repetition may heal (S3Options::attempts). Codes: kUnavailable the server does not answer or
// asks to slow down, kNotFound, kConflict a condition did not hold, kInvalid the configuration is
// wrong or something is denied, kExhausted a quota or limit is used up. Messages name the object
// and the server, never a secret.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "net/s3/options.h"

namespace millrace {

struct S3Object {
  std::string key;
  int64_t size = 0;  // bytes
  std::string etag;  // without quotes
  Time modified;
};

struct S3Info : S3Object {
  std::string version;                          // where the bucket keeps versions
  std::map<std::string, std::string> metadata;  // the user's, names in lower case
  // SHA-256 in base64 as the server knows it: of the object, or with "-N" at its end of the N
  // parts' digests. Empty: it was put without, or the server keeps none.
  std::string checksum_sha256;
  // Of all its bytes, in hex: as it was put, or as the server knows it; "" when neither tells.
  std::string Sha256() const;
};

struct S3Query {
  std::string prefix;
  std::string delimiter;    // "/": folders appear as prefixes
  std::string start_after;  // keys after this one
  int page = 1000;          // objects a request
};

struct S3Page {
  std::vector<S3Object> objects;
  std::vector<std::string> prefixes;
};

struct S3PutOptions {
  bool if_absent = false;    // kConflict when the key exists already
  std::string content_type;  // empty: application/octet-stream
  std::map<std::string, std::string> metadata;
  // PutFile: 64 hex digits that the file must have; kUnavailable when it has others. They are
  // stored as metadata "sha256". Without, a file in one part gets its own; of one in several parts
  // the server keeps the SHA-256 of each and of all, and metadata "sha256-part-size" says of how
  // many bytes.
  std::string sha256;
};

struct S3Put {
  std::string etag;
  std::string version;
  std::string sha256;           // hex, of the whole; empty for parts without S3PutOptions::sha256
  std::string checksum_sha256;  // as S3Info has it
};

struct S3GetOptions {
  int64_t size = -1;     // when known from a listing: saves a request; kUnavailable when it differs
  std::string etag;      // kUnavailable when the object has another by now
  std::string sha256;    // hex; what must arrive. Without: what the server knows, see S3Info
  bool durable = false;  // synced to the disk before it gets its name
};

struct S3Got {
  int64_t size = 0;
  std::string etag;
  bool verified = false;  // by a SHA-256
};

struct S3Range {
  int64_t offset = 0;
  int64_t length = -1;  // bytes; -1: to the end
};

struct S3Upload {
  std::string key, id;
  Time started;
};

struct S3Keys {
  std::string access_key;  // empty: requests are not signed
  Secret secret_key, session_token;
};

namespace s3 {
class Core;
}

class S3Client {
 public:
  explicit S3Client(std::unique_ptr<s3::Core> core);
  ~S3Client();

  // "http://127.0.0.1:9000" or "https://s3.eu-west-1.amazonaws.com", for messages.
  const std::string& endpoint() const;
  const S3Options& options() const;
  // Those that the next request is signed with, for somebody else who reads from the same server.
  Result<S3Keys> Keys(std::stop_token stop);

  Result<S3Info> Head(const std::string& bucket, const std::string& key, std::stop_token stop);
  // Page after page, sorted by key; ends early with the Status of `take` when that is not ok.
  Status List(const std::string& bucket, const S3Query& query,
              const std::function<Status(S3Page)>& take, std::stop_token stop);
  // All of it. kExhausted when there are more than max_objects.
  Result<S3Page> ListAll(const std::string& bucket, const S3Query& query, std::stop_token stop,
                         size_t max_objects = 10'000'000);

  // kExhausted when the object, or the range of it, is longer than max_bytes.
  Result<std::string> Get(const std::string& bucket, const std::string& key, int64_t max_bytes,
                          std::stop_token stop, const S3Range& range = {});
  // The file appears under its name when all of it is there and right; its folder must exist.
  Result<S3Got> GetToFile(const std::string& bucket, const std::string& key,
                          const std::string& path, const S3GetOptions& options,
                          std::stop_token stop);

  Result<S3Put> Put(const std::string& bucket, const std::string& key, std::string_view bytes,
                    const S3PutOptions& options, std::stop_token stop);
  // In parts when it is longer than one; a failed upload is aborted and leaves nothing.
  Result<S3Put> PutFile(const std::string& bucket, const std::string& key, const std::string& path,
                        const S3PutOptions& options, std::stop_token stop);
  // By the server, metadata included. kNotFound when the source is absent, kUnavailable when it is
  // not (any more) the one with this etag and size.
  Status Copy(const std::string& from_bucket, const S3Object& from, const std::string& to_bucket,
              const std::string& to_key, std::stop_token stop);

  Status Delete(const std::string& bucket, const std::string& key, std::stop_token stop);
  Status DeleteMany(const std::string& bucket, const std::vector<std::string>& keys,
                    std::stop_token stop);

  Status CreateBucket(const std::string& bucket,
                      std::stop_token stop);  // ok when it is ours already
  Status HeadBucket(const std::string& bucket, std::stop_token stop);

  Result<std::vector<S3Upload>> ListMultipartUploads(const std::string& bucket,
                                                     const std::string& prefix,
                                                     std::stop_token stop);
  // Those that were begun before `before`; how many.
  Result<int> AbortMultipartUploads(const std::string& bucket, const std::string& prefix,
                                    Time before, std::stop_token stop);

  // Whether the server refuses a second object under one name, tried with an object below `prefix`
  // that is removed again; once, whatever the bucket. ok, or kInvalid with the reason.
  Status SupportsConditionalPut(const std::string& bucket, const std::string& prefix,
                                std::stop_token stop);
  // Tries name, connection, certificate, clock, keys and bucket, each once. What was found, in
  // words, or exactly what is wrong.
  Result<std::string> Diagnose(const std::string& bucket, std::stop_token stop);

  // base/parallel.h, with as many at once as there are connections.
  Status ForEach(size_t count, const std::function<Status(size_t, std::stop_token)>& work,
                 std::stop_token stop);

 private:
  const std::unique_ptr<s3::Core> core_;
};

// Makes no request. kInvalid when an option is wrong or a profile does not exist. To open one takes
// threads and, for TLS, every certificate that is trusted: equal options share one, to the end.
Result<std::shared_ptr<S3Client>> OpenS3(const S3Options& options);

}  // namespace millrace
