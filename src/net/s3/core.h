// What a client's calls share: where the server is, how requests are signed, the library's client,
// the memory.
#pragma once

#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <utility>

#include "net/s3/buffers.h"
#include "net/s3/s3.h"

struct aws_client_bootstrap;
struct aws_credentials_provider;
struct aws_s3_client;
struct aws_tls_ctx;

namespace millrace::s3 {

// Event loops, resolver and libraries: one set a process, opened at the first use, never closed.
aws_client_bootstrap* Bootstrap();

struct CredentialsDeleter {
  void operator()(aws_credentials_provider* provider) const;
};
struct TlsDeleter {
  void operator()(aws_tls_ctx* context) const;
};
struct ClientDeleter {
  void operator()(aws_s3_client* client) const;
};
using CredentialsProvider = std::unique_ptr<aws_credentials_provider, CredentialsDeleter>;
using TlsContext = std::unique_ptr<aws_tls_ctx, TlsDeleter>;

// kInvalid when a profile, a variable or a file that they need is not there.
Result<CredentialsProvider> OpenCredentials(const S3Options& options, aws_tls_ctx* tls);

// A turn at this machine's processors and disk. More threads than cores would fight for the locks
// of one folder instead of waiting for the network.
class Turn {
 public:
  explicit Turn(std::counting_semaphore<>* turns) : turns_(turns) {}
  Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
  ~Turn() {
    if (turns_) turns_->release();
  }

 private:
  std::counting_semaphore<>* turns_;
};

class Core {
 public:
  static Result<std::unique_ptr<Core>> Open(const S3Options& options);

  // "bucket.host:port" or "host:port", and the path that a request line and a signature have.
  std::string HostOf(const std::string& bucket) const;
  std::string PathOf(const std::string& bucket, const std::string& key) const;

  const S3Options options;
  const std::string scheme, host;  // host with the port where that is not the scheme's own
  const std::string endpoint;      // scheme://host
  bool https() const { return scheme == "https"; }

  aws_s3_client* client() const { return client_.get(); }
  aws_credentials_provider* credentials() const { return credentials_.get(); }
  const std::shared_ptr<BufferPool> pool;
  // Waits. Not to be held while the network is waited for.
  Result<Turn> TakeTurn(std::stop_token stop);
  // Set when the server has told a SHA-256 back: it checks the header, so the signature need not
  // cover the bytes a second time.
  std::atomic<bool> server_keeps_sha256 = false;
  std::atomic<bool> conditions_hold = false;  // found by SupportsConditionalPut
  std::atomic<bool> answered = false;  // the server has, once: its certificate is in order

 private:
  Core(const S3Options& options, std::string scheme, std::string host);
  Status Connect();
  bool PathStyle(const std::string& bucket) const;

  std::counting_semaphore<> turns_;
  TlsContext tls_;
  CredentialsProvider credentials_;
  std::unique_ptr<aws_s3_client, ClientDeleter> client_;
};

// RFC 3986, as SigV4 wants it: all but unreserved characters, and '/' in paths.
std::string UriEncode(std::string_view text, bool keep_slash);
std::string UriDecode(std::string_view text);

}  // namespace millrace::s3
