#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <deque>

#include "base/descriptor.h"
#include "net/s3/digest.h"
#include "net/s3/multipart.h"

namespace millrace {

namespace s3 {

namespace {

constexpr int kNoSuchRange = 416;  // HTTP's: nothing is there from that offset on

int64_t ToNumber(std::string_view text) {
  int64_t number = -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

struct Span {
  int64_t offset, end;  // bytes; the end is not part of it
};

struct Piece {
  int64_t offset;
  std::string_view bytes;
  const Response& response;
};

Request GetRequest(const std::string& bucket, const std::string& key, const std::string& etag,
                   Span span) {
  Request request{.operation = "GetObject", .method = "GET", .bucket = bucket, .key = key};
  request.headers.emplace_back(
      "range", "bytes=" + std::to_string(span.offset) + "-" + std::to_string(span.end - 1));
  if (!etag.empty()) request.headers.emplace_back("if-match", "\"" + etag + "\"");
  return request;
}

Status ChangedMeanwhile(const std::string& bucket, const std::string& key) {
  return {Code::kUnavailable, "s3://" + bucket + "/" + key + " is not what it was when listed",
          "it changed while it was read: the next attempt takes it as it is then"};
}

// Fetches a span of an object in pieces, side by side, and hands them over in order.
class Download {
 public:
  Download(Core& core, std::string bucket, std::string key, std::string etag)
      : core_(core), bucket_(std::move(bucket)), key_(std::move(key)), etag_(std::move(etag)) {}

  Status Run(Span span, int64_t step, const std::function<Status(const Piece&)>& take,
             std::stop_token stop) {
    for (int64_t offset = span.offset; offset < span.end; offset += step) {
      Span part{offset, std::min(offset + step, span.end)};
      std::shared_ptr<Buffer> buffer = TRY(TakeBuffer(part, take, stop));
      Request request = GetRequest(bucket_, key_, etag_, part);
      request.into = std::move(buffer);
      request.fine = kNoSuchRange;
      flight_.push_back({part, std::make_unique<Call>(core_, std::move(request))});
    }
    while (!flight_.empty()) TRY(Reap(take, stop));
    return Status::Ok();
  }

 private:
  struct Flight {
    Span span;
    std::unique_ptr<Call> call;
  };

  Result<std::shared_ptr<Buffer>> TakeBuffer(Span part,
                                             const std::function<Status(const Piece&)>& take,
                                             std::stop_token stop) {
    auto size = static_cast<size_t>(part.end - part.offset);
    while (!flight_.empty()) {
      bool room = flight_.size() < static_cast<size_t>(core_.options.parts_in_flight);
      std::shared_ptr<Buffer> buffer = room ? core_.pool->TryTake(size) : nullptr;
      if (buffer) return buffer;
      TRY(Reap(take, stop));
    }
    return core_.pool->Take(size, stop);
  }

  Status Reap(const std::function<Status(const Piece&)>& take, std::stop_token stop) {
    Flight part = std::move(flight_.front());
    flight_.pop_front();
    Result<Response> response = part.call->Wait(stop);
    if (response.code() == Code::kConflict) return ChangedMeanwhile(bucket_, key_);
    TRY(Status(response.status()));
    const Buffer& got = *part.call->request().into;
    bool whole = static_cast<int64_t>(got.size) == part.span.end - part.span.offset;
    if (!whole || response->status == kNoSuchRange) return ChangedMeanwhile(bucket_, key_);
    return take({part.span.offset, got.bytes(), *response});
  }

  Core& core_;
  const std::string bucket_, key_, etag_;
  std::deque<Flight> flight_;
};

// What the bytes must hash to, as far as the server and the caller tell; and whether they do.
class Check {
 public:
  // `checksum` as S3Info has it.
  void Expect(const std::string& hex, const std::map<std::string, std::string>& metadata,
              const std::string& checksum, int64_t size) {
    auto stored = metadata.find("sha256");
    if (!hex.empty()) {
      wanted_ = hex;
    } else if (stored != metadata.end() && !FromHex(stored->second).empty()) {
      wanted_ = stored->second;
    } else if (!checksum.empty() && checksum.find('-') == checksum.npos) {
      wanted_base64_ = checksum;
    } else if (auto parts = metadata.find(kPartSizeName); parts != metadata.end()) {
      int64_t part_size = ToNumber(parts->second);
      if (part_size <= 0 || size <= part_size) return;
      int64_t count = (size + part_size - 1) / part_size;
      if (!checksum.ends_with("-" + std::to_string(count))) return;
      part_size_ = part_size;
      wanted_base64_ = checksum;
    }
  }

  bool known() const { return !wanted_.empty() || !wanted_base64_.empty(); }

  // The bytes in order, however they are cut.
  void Add(std::string_view bytes) {
    while (known() && !bytes.empty()) {
      int64_t room = part_size_ > 0 ? part_size_ - in_hash_ : static_cast<int64_t>(bytes.size());
      std::string_view piece = bytes.substr(0, static_cast<size_t>(room));
      hash_->Update(piece);
      in_hash_ += static_cast<int64_t>(piece.size());
      bytes.remove_prefix(piece.size());
      if (part_size_ > 0 && in_hash_ == part_size_) EndPart();
    }
  }

  Status Finish(const std::string& what) {
    if (!known()) return Status::Ok();
    if (part_size_ > 0 && in_hash_ > 0) EndPart();
    std::string hex = hash_->Hex();
    std::string got = part_size_ > 0 ? parts_.Text() : wanted_.empty() ? Base64(FromHex(hex)) : hex;
    const std::string& wanted = wanted_.empty() ? wanted_base64_ : wanted_;
    if (got == wanted) return Status::Ok();
    return {Code::kUnavailable, what + " arrived with SHA-256 " + got + ", not " + wanted};
  }

 private:
  void EndPart() {
    parts_.Add(hash_->Hex());
    hash_ = std::make_unique<Sha256>();
    in_hash_ = 0;
  }

  std::string wanted_, wanted_base64_;
  int64_t part_size_ = 0;  // 0: the digest is that of the whole
  std::unique_ptr<Sha256> hash_ = std::make_unique<Sha256>();
  int64_t in_hash_ = 0;  // bytes
  PartsDigest parts_;
};

// A file aside that gets its name when it is complete, and is removed when it never is. Past the
// system's cache, a large one does not drive out what others need, and costs a third of the time.
class TargetFile {
 public:
  TargetFile(const std::string& path, bool past_cache)
      : path_(path),
        aside_(path + "." + NewUuid().substr(0, 8) + ".part"),
        past_cache_(past_cache) {}
  ~TargetFile() {
    if (made_) ::unlink(aside_.c_str());
  }
  TargetFile(const TargetFile&) = delete;
  TargetFile& operator=(const TargetFile&) = delete;

  // Fastest in whole blocks out of a Buffer.
  Status Write(std::string_view bytes) {
    if (!made_) TRY(Make());
    if (past_cache_) {
      ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
      if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
      if (bytes.empty()) return Status::Ok();
      UseCache();  // the end, which is no whole block, or a file system with rules of its own
    }
    return WriteAll(fd_.get(), bytes, aside_);
  }

  Status Sync() {
    if (::fsync(fd_.get()) == 0) return Status::Ok();
    return FromErrno("cannot make " + aside_ + " durable", errno);
  }

  Status Place() {
    if (int error = fd_.Close()) return FromErrno("cannot write " + aside_, error);
    if (::rename(aside_.c_str(), path_.c_str()) != 0) {
      return FromErrno("cannot rename " + aside_ + " to " + path_, errno);
    }
    made_ = false;
    return Status::Ok();
  }

 private:
  Status Make() {
    fd_ = Descriptor(::open(aside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (fd_.get() < 0) return FromErrno("cannot create " + aside_, errno);
    made_ = true;
    past_cache_ = past_cache_ && ::fcntl(fd_.get(), F_SETFL, O_DIRECT) == 0;
    return Status::Ok();
  }

  void UseCache() {
    ::fcntl(fd_.get(), F_SETFL, 0);
    past_cache_ = false;
  }

  const std::string path_, aside_;
  Descriptor fd_;
  bool made_ = false, past_cache_;
};

std::map<std::string, std::string> MetadataOf(const Response& response) {
  constexpr std::string_view kPrefix = "x-amz-meta-";
  std::map<std::string, std::string> metadata;
  for (const auto& [name, value] : response.headers) {
    if (name.starts_with(kPrefix)) metadata[name.substr(kPrefix.size())] = value;
  }
  return metadata;
}

S3Info InfoOf(const std::string& key, const Response& response) {
  S3Info info;
  info.key = key;
  info.size = std::max<int64_t>(0, ToNumber(response.Header("content-length")));
  info.etag = Unquoted(response.Header("etag"));
  info.modified = ParseHttpDate(response.Header("last-modified")).value_or(Time());
  info.version = response.Header("x-amz-version-id");
  info.metadata = MetadataOf(response);
  info.checksum_sha256 = response.Header("x-amz-checksum-sha256");
  return info;
}

// "bytes 0-8/1234"
int64_t TotalOf(const Response& response) {
  std::string range = response.Header("content-range");
  size_t slash = range.rfind('/');
  return slash == range.npos ? -1 : ToNumber(std::string_view(range).substr(slash + 1));
}

}  // namespace

}  // namespace s3

std::string S3Info::Sha256() const {
  // What the server computed counts more than what somebody wrote beside it.
  if (std::string computed = s3::ToHex(checksum_sha256); !computed.empty()) return computed;
  auto stored = metadata.find("sha256");
  bool is_one = stored != metadata.end() && !s3::FromHex(stored->second).empty();
  return is_one ? stored->second : "";
}

Result<S3Info> S3Client::Head(const std::string& bucket, const std::string& key,
                              std::stop_token stop) {
  s3::Request request{.operation = "HeadObject", .method = "HEAD", .bucket = bucket, .key = key};
  request.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
  return s3::InfoOf(key, TRY(s3::Send(*core_, std::move(request), stop)));
}

Result<S3Got> S3Client::GetToFile(const std::string& bucket, const std::string& key,
                                  const std::string& path, const S3GetOptions& options,
                                  std::stop_token stop) {
  S3Got got{.size = options.size, .etag = options.etag};
  s3::Check check;
  // A small object of known size takes one request; its answer brings what Head would tell.
  bool known = options.size > 0 && options.size <= core_->options.part_size;
  if (!known) {
    S3Info info = TRY(Head(bucket, key, stop));
    bool other = (options.size >= 0 && options.size != info.size) ||
                 (!options.etag.empty() && options.etag != info.etag);
    if (other) return s3::ChangedMeanwhile(bucket, key);
    got.size = info.size;
    got.etag = info.etag;
    check.Expect(options.sha256, info.metadata, info.checksum_sha256, info.size);
  }
  s3::TargetFile file(path, got.size >= core_->options.past_cache);
  auto take = [&](const s3::Piece& piece) -> Status {
    if (known) {
      if (s3::TotalOf(piece.response) > got.size) return s3::ChangedMeanwhile(bucket, key);
      got.etag = s3::Unquoted(piece.response.Header("etag"));
      check.Expect(options.sha256, s3::MetadataOf(piece.response), "", got.size);
    }
    s3::Turn turn = TRY(core_->TakeTurn(stop));
    check.Add(piece.bytes);
    return file.Write(piece.bytes);
  };
  s3::Download download(*core_, bucket, key, got.etag);
  TRY(download.Run({0, got.size}, core_->options.part_size, take, stop));
  TRY(check.Finish("s3://" + bucket + "/" + key));
  if (got.size == 0) TRY(file.Write(""));
  if (options.durable) TRY(file.Sync());
  {
    s3::Turn turn = TRY(core_->TakeTurn(stop));
    TRY(file.Place());
  }
  got.verified = check.known();
  return got;
}

Result<std::string> S3Client::Get(const std::string& bucket, const std::string& key,
                                  int64_t max_bytes, std::stop_token stop, const S3Range& range) {
  // The first piece tells how long the object is: a small one takes one request.
  int64_t wanted = range.length < 0 ? max_bytes + 1 : range.length;
  if (range.length > max_bytes) return Status(Code::kExhausted, "more is asked for than allowed");
  if (range.length == 0) return std::string();
  int64_t step = std::min(core_->options.part_size, wanted);
  s3::Request request = s3::GetRequest(bucket, key, "", {range.offset, range.offset + step});
  request.fine = s3::kNoSuchRange;  // nothing from there on: the object is empty, or ends before
  s3::Response first = TRY(s3::Send(*core_, std::move(request), stop));
  if (first.status == s3::kNoSuchRange) return std::string();
  std::string bytes = std::move(first.body);
  int64_t total = s3::TotalOf(first);
  if (total < 0) total = range.offset + static_cast<int64_t>(bytes.size());
  int64_t end = range.length < 0 ? total : std::min(total, range.offset + range.length);
  if (end - range.offset > max_bytes) {
    return Status(Code::kExhausted,
                  "s3://" + bucket + "/" + key + " is longer than " + FormatBytes(max_bytes));
  }
  bytes.reserve(static_cast<size_t>(std::max<int64_t>(0, end - range.offset)));
  s3::Download download(*core_, bucket, key, s3::Unquoted(first.Header("etag")));
  TRY(download.Run(
      {range.offset + static_cast<int64_t>(bytes.size()), end}, core_->options.part_size,
      [&](const s3::Piece& piece) -> Status {
        bytes.append(piece.bytes);
        return Status::Ok();
      },
      stop));
  return bytes;
}

}  // namespace millrace
