#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>

#include "base/descriptor.h"
#include "base/text.h"
#include "net/s3/digest.h"
#include "net/s3/multipart.h"

namespace millrace {

namespace s3 {

namespace {

// A file as it is when it is opened; whoever changes it meanwhile is noticed.
class SourceFile {
 public:
  static Result<SourceFile> Open(const std::string& path) {
    SourceFile file;
    file.path_ = path;
    file.fd_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd_.get() < 0 || ::fstat(file.fd_.get(), &file.info_) != 0) {
      return FromErrno("cannot read " + path, errno);
    }
    if (!S_ISREG(file.info_.st_mode)) return Invalid(path + " is not a file");
    ::posix_fadvise(file.fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return file;
  }

  int64_t size() const { return info_.st_size; }
  const std::string& path() const { return path_; }

  // Fills the buffer from that offset.
  Status Read(int64_t offset, Buffer& buffer) const {
    size_t done = 0;
    while (done < buffer.size) {
      ssize_t got = ::pread(fd_.get(), buffer.data() + done, buffer.size - done,
                            offset + static_cast<int64_t>(done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return FromErrno("cannot read " + path_, errno);
      if (got == 0) return Changed();
      done += static_cast<size_t>(got);
    }
    return Status::Ok();
  }

  Status CheckUnchanged() const {
    struct stat now;
    if (::fstat(fd_.get(), &now) != 0) return FromErrno("cannot read " + path_, errno);
    bool same = now.st_size == info_.st_size && now.st_mtim.tv_sec == info_.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == info_.st_mtim.tv_nsec;
    return same ? Status::Ok() : Changed();
  }

 private:
  Status Changed() const { return {Code::kUnavailable, path_ + " changed while it was uploaded"}; }

  std::string path_;
  Descriptor fd_;
  struct stat info_;
};

// The digest goes into the signature, too, until the server is known to look at the header.
void AddDigest(const Core& core, Request& request, const std::string& hex) {
  request.headers.emplace_back("x-amz-checksum-sha256", Base64(FromHex(hex)));
  if (!core.server_keeps_sha256) request.body_sha256 = hex;
}

// kUnavailable when the server has stored other bytes than were sent.
Status CheckDigest(Core& core, const Response& response, const std::string& hex) {
  std::string told = response.Header("x-amz-checksum-sha256");
  if (told.empty()) return Status::Ok();
  core.server_keeps_sha256 = true;
  if (told == Base64(FromHex(hex))) return Status::Ok();
  return {Code::kUnavailable, "the server stored other bytes than were sent: SHA-256 " + told};
}

Status Differs(const std::string& path, const std::string& got, const std::string& wanted) {
  return {Code::kUnavailable, path + " has SHA-256 " + got + ", not " + wanted};
}

// One that put the object itself when its answer was lost gets 412 from the next attempt: the id
// tells them apart.
constexpr char kPutId[] = "put-id";

struct Target {
  S3Client& client;
  Core& core;
  const std::string &bucket, &key;
};

// The body of `request` in one piece; hex is its SHA-256.
Result<S3Put> PutWhole(const Target& target, Request request, S3PutOptions options,
                       const std::string& hex, std::stop_token stop) {
  options.metadata["sha256"] = hex;
  std::string id = options.if_absent ? NewUuid() : "";
  if (options.if_absent) options.metadata[kPutId] = id;
  request.operation = "PutObject";
  request.method = "PUT";
  request.bucket = target.bucket;
  request.key = target.key;
  request.headers = ObjectHeaders(options);
  if (options.if_absent) request.headers.emplace_back("if-none-match", "*");
  AddDigest(target.core, request, hex);
  if (stop.stop_requested()) return Canceled();  // what is sent may be there in spite of a stop
  Call call(target.core, std::move(request));
  Result<Response> response = call.Wait(stop);
  if (response.code() == Code::kConflict && call.attempts() > 1) {
    S3Info there = TRY(target.client.Head(target.bucket, target.key, stop));
    if (there.metadata[kPutId] == id) {
      return S3Put{there.etag, there.version, hex, there.checksum_sha256};
    }
  }
  if (response.code() == Code::kConflict && options.if_absent) {
    return Status(Code::kConflict, "s3://" + target.bucket + "/" + target.key + " exists already");
  }
  TRY(Status(response.status()));
  TRY(CheckDigest(target.core, *response, hex));
  return S3Put{Unquoted(response->Header("etag")), response->Header("x-amz-version-id"), hex,
               response->Header("x-amz-checksum-sha256")};
}

// Reads, hashes and sends part after part; as many are under way as there is memory for.
class PartsUpload {
 public:
  PartsUpload(Core& core, const SourceFile& file, Multipart& multipart, int64_t part_size)
      : core_(core), file_(file), multipart_(multipart), part_size_(part_size) {}

  // The digest of the parts; that of the whole is added to `whole`, if there is one.
  Result<std::string> Run(Sha256* whole, std::stop_token stop) {
    int number = 0;
    for (int64_t offset = 0; offset < file_.size(); offset += part_size_) {
      auto size = static_cast<size_t>(std::min(part_size_, file_.size() - offset));
      std::shared_ptr<Buffer> buffer = TRY(TakeBuffer(size, stop));
      {
        Turn turn = TRY(core_.TakeTurn(stop));
        TRY(file_.Read(offset, *buffer));
        if (whole) whole->Update(buffer->bytes());
        Start(++number, std::move(buffer));
      }
      if (stop.stop_requested()) return Canceled();
    }
    while (!flight_.empty()) TRY(Reap(stop));
    TRY(file_.CheckUnchanged());
    return digest_.Text();
  }

 private:
  struct Flight {
    int number;
    std::string hex;
    std::unique_ptr<Call> call;
  };

  Result<std::shared_ptr<Buffer>> TakeBuffer(size_t size, std::stop_token stop) {
    while (!flight_.empty()) {
      bool room = flight_.size() < static_cast<size_t>(core_.options.parts_in_flight);
      std::shared_ptr<Buffer> buffer = room ? core_.pool->TryTake(size) : nullptr;
      if (buffer) return buffer;
      TRY(Reap(stop));
    }
    return core_.pool->Take(size, stop);
  }

  void Start(int number, std::shared_ptr<Buffer> buffer) {
    std::string hex = Sha256Hex(buffer->bytes());
    digest_.Add(hex);
    Request request = multipart_.Part("UploadPart", number);
    request.body = buffer->bytes();
    request.body_owner = std::move(buffer);
    AddDigest(core_, request, hex);
    flight_.push_back({number, hex, std::make_unique<Call>(core_, std::move(request))});
  }

  Status Reap(std::stop_token stop) {
    Flight part = std::move(flight_.front());
    flight_.pop_front();
    Response response = TRY(part.call->Wait(stop));
    TRY(CheckDigest(core_, response, part.hex));
    multipart_.Add(part.number, response.Header("etag"), response.Header("x-amz-checksum-sha256"));
    return Status::Ok();
  }

  Core& core_;
  const SourceFile& file_;
  Multipart& multipart_;
  const int64_t part_size_;
  std::deque<Flight> flight_;
  PartsDigest digest_;
};

Result<S3Put> PutParts(const Target& target, Multipart& multipart, const SourceFile& file,
                       int64_t part_size, const S3PutOptions& options, std::stop_token stop) {
  Sha256 whole;
  std::string digest = TRY(PartsUpload(target.core, file, multipart, part_size)
                               .Run(options.sha256.empty() ? nullptr : &whole, stop));
  if (!options.sha256.empty() && whole.Hex() != options.sha256) {
    return Differs(file.path(), whole.Hex(), options.sha256);
  }
  Result<S3Put> completed = multipart.Complete(options.if_absent, stop);
  if (completed.code() == Code::kNotFound || completed.code() == Code::kConflict) {
    // Perhaps it was completed and only the answer was lost: then the second attempt finds no
    // upload.
    Result<S3Info> there = target.client.Head(target.bucket, target.key, stop);
    if (!there.ok() || there->metadata[kPutId] != options.metadata.at(kPutId)) return completed;
    completed = S3Put{there->etag, there->version, "", there->checksum_sha256};
  }
  S3Put put = TRY(std::move(completed));
  if (!put.checksum_sha256.empty() && put.checksum_sha256 != digest) {
    return Status(Code::kUnavailable, "the server joined other parts than were sent");
  }
  put.sha256 = options.sha256;
  return put;
}

}  // namespace

}  // namespace s3

Result<S3Put> S3Client::Put(const std::string& bucket, const std::string& key,
                            std::string_view bytes, const S3PutOptions& options,
                            std::stop_token stop) {
  auto owner = std::make_shared<const std::string>(bytes);
  s3::Request request{.body = *owner, .body_owner = owner};
  return s3::PutWhole({*this, *core_, bucket, key}, std::move(request), options, Sha256Hex(bytes),
                      stop);
}

Result<S3Put> S3Client::PutFile(const std::string& bucket, const std::string& key,
                                const std::string& path, const S3PutOptions& options,
                                std::stop_token stop) {
  s3::SourceFile file = TRY(s3::SourceFile::Open(path));
  if (file.size() <= core_->options.part_size) {
    auto buffer = TRY(core_->pool->Take(static_cast<size_t>(file.size()), stop));
    std::string hex;
    {
      s3::Turn turn = TRY(core_->TakeTurn(stop));
      TRY(file.Read(0, *buffer));
      TRY(file.CheckUnchanged());
      hex = Sha256Hex(buffer->bytes());
    }
    if (!options.sha256.empty() && hex != options.sha256) {
      return s3::Differs(path, hex, options.sha256);
    }
    s3::Request request{.body = buffer->bytes(), .body_owner = buffer};
    buffer.reset();
    return s3::PutWhole({*this, *core_, bucket, key}, std::move(request), options, hex, stop);
  }
  int64_t part_size = s3::PartSize(file.size(), core_->options.part_size);
  S3PutOptions stored = options;
  stored.metadata[s3::kPartSizeName] = std::to_string(part_size);
  stored.metadata[s3::kPutId] = NewUuid();
  if (!options.sha256.empty()) stored.metadata["sha256"] = options.sha256;
  s3::Pairs headers = s3::ObjectHeaders(stored);
  headers.push_back(s3::kWithChecksums);
  s3::Multipart multipart =
      TRY(s3::Multipart::Create(*core_, bucket, key, std::move(headers), stop));
  Result<S3Put> put =
      s3::PutParts({*this, *core_, bucket, key}, multipart, file, part_size, stored, stop);
  if (!put.ok()) multipart.Abort(stop);
  return put;
}

}  // namespace millrace
