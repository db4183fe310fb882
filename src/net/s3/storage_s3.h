// base/storage.h on a bucket, or on a prefix of one: what a lake or a landing on S3 lives on.
//
// PutIfAbsent is If-None-Match: *; a server that does not have it is found out before the first and
// refused (S3Client::SupportsConditionalPut). Rename is a copy by the server and a delete: a kill
// between them leaves both, never neither. There are no folders: making one and removing empty ones
// does nothing. What an engine writes goes into a folder of this machine first; Sync uploads it,
// its SHA-256 verified, and takes it away there. TryLock locks a file of this machine, as the
// interface promises no more; writers on other machines meet at PutIfAbsent.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/storage.h"
#include "net/s3/s3.h"

namespace millrace {

struct S3StorageOptions {
  std::string bucket;
  std::string prefix;         // without a slash at its end; empty: the whole bucket
  std::string local_folder;   // of this machine, for locks and files on their way; made when needed
  bool create_bucket = false;  // at the first write, when it is missing
};

// `stop` ends every call, within a second, with kCanceled.
std::unique_ptr<Storage> OpenS3Storage(std::shared_ptr<S3Client> client, S3StorageOptions options,
                                       std::stop_token stop = {});

}  // namespace millrace
