// base/storage.h on a bucket, or on a prefix of one: what a lake or a landing on S3 lives on.
//
// PutIfAbsent is If-None-Match: *; ask S3Client::SupportsConditionalPut whether the server has it.
// Rename is a copy by the server and a delete: a kill between them leaves both, never neither.
// There are no folders: making one and removing empty ones does nothing, and syncing neither, since
// a put is durable. TryLock locks a file in a folder of this machine, as the interface promises no
// more; writers on other machines meet at PutIfAbsent.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/storage.h"
#include "net/s3/s3.h"

namespace millrace {

struct S3StorageOptions {
  std::string bucket;
  std::string prefix;       // without a slash at its end; empty: the whole bucket
  std::string lock_folder;  // of this machine; made when first needed
};

// `stop` ends every call, within a second, with kCanceled.
std::unique_ptr<Storage> OpenS3Storage(std::shared_ptr<S3Client> client, S3StorageOptions options,
                                       std::stop_token stop = {});

}  // namespace millrace
