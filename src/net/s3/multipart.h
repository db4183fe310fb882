// A multipart upload: its parts may be sent side by side; it shows nothing until it is completed.
#pragma once

#include <map>
#include <string>

#include "net/s3/request.h"

namespace millrace::s3 {

inline constexpr int64_t kMostParts = 10'000;
inline constexpr char kPartSizeName[] = "sha256-part-size";  // user metadata, see S3PutOptions

// Not smaller than `least`, and large enough that kMostParts of it hold `size` bytes.
int64_t PartSize(int64_t size, int64_t least);
// Without it the server keeps no SHA-256 of the parts. Not for copies: some servers tell wrong
// ones.
inline const std::pair<std::string, std::string> kWithChecksums{"x-amz-checksum-algorithm",
                                                                "SHA256"};
// content-type and x-amz-meta-… as the options say.
Pairs ObjectHeaders(const S3PutOptions& options);

class Multipart {
 public:
  static Result<Multipart> Create(Core& core, const std::string& bucket, const std::string& key,
                                  Pairs headers, std::stop_token stop);

  // A request for part `number`, from 1: to be filled with what it holds.
  Request Part(const char* operation, int number) const;
  // What the server said of a part. `sha256` in base64, empty when it keeps none.
  void Add(int number, std::string etag, std::string sha256);
  // kConflict when the key exists and `if_absent`.
  Result<S3Put> Complete(bool if_absent, std::stop_token stop);
  // Does its best within a second when stop was requested, within ten else: what is left is found
  // by ListMultipartUploads.
  void Abort(std::stop_token stop);

 private:
  struct Part_ {
    std::string etag, sha256;
  };
  Multipart(Core& core, std::string bucket, std::string key)
      : core_(&core), bucket_(std::move(bucket)), key_(std::move(key)) {}

  Core* core_;
  std::string bucket_, key_, id_;
  std::map<int, Part_> parts_;
};

}  // namespace millrace::s3
