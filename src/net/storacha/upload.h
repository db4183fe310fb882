// An upload to Storacha: every shard and the index as blobs, then the index, then the upload itself
// are added to the space. https://github.com/storacha/specs/blob/main/w3-blob.md, w3-index.md,
// w3-store.md. A step that was done is not done again, and each may come twice.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/ipld/car_writer.h"
#include "net/storacha/service.h"

namespace millrace::storacha {

// What was done, durably; thread-safe.
class Steps {
 public:
  virtual ~Steps() = default;
  virtual std::optional<std::string> Find(const std::string& step) = 0;
  virtual Status Record(const std::string& step, const std::string& value) = 0;
  virtual Status Forget(const std::string& step) = 0;
};

// That a node has a blob, as the service confirmed it.
struct Acceptance {
  std::string site;      // the CID of the node's claim
  std::string location;  // where it can be fetched; "" when that was not told
};

struct UploadOptions {
  int at_once = 3;                       // blobs that are sent at the same time
  std::function<void(int64_t)> on_blob;  // its bytes were accepted; any thread; may be empty
};

// All of it: ok only when the acceptance of every blob was seen and the upload is registered.
// Errors as those of Service::Invoke and Put.
Status Upload(Service& service, const ipld::Shards& content, Steps& steps,
              const UploadOptions& options, std::stop_token stop);

// What was recorded for a blob; nullopt: it was not accepted.
std::optional<Acceptance> AcceptanceOf(const Service& service, const ipld::Cid& blob, Steps& steps);
// Whether Upload has come to its end.
bool IsDone(const Service& service, const ipld::Cid& root, Steps& steps);

}  // namespace millrace::storacha
