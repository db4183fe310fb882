#include "decode/inflate.h"

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

namespace millrace {

namespace {

constexpr size_t kPiece = size_t{1} << 17;  // bytes a read

class File {
 public:
  static Result<std::unique_ptr<File>> Open(const std::string& path) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return FromErrno("cannot read " + path, errno);
    return std::unique_ptr<File>(new File(path, fd));
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Result<size_t> Read(char* out, size_t size) {
    while (true) {
      ssize_t got = ::read(fd_, out, size);
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return FromErrno("cannot read " + path_, errno);
    }
  }
  Status Rewind() {
    if (::lseek(fd_, 0, SEEK_SET) == 0) return Status::Ok();
    return FromErrno("cannot read " + path_, errno);
  }
  const std::string& path() const { return path_; }

 private:
  File(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

Status Truncated(const std::string& path, std::string_view format) {
  return Invalid(
      path + ": the " + std::string(format) + " stream ends too early: the file is truncated",
      "get the file again");
}

Status Damaged(const std::string& path, std::string_view format, std::string_view why) {
  return Invalid(path + ": the " + std::string(format) + " stream is damaged: " + std::string(why),
                 "get the file again");
}

class PlainReader : public ByteReader {
 public:
  explicit PlainReader(std::unique_ptr<File> file) : file_(std::move(file)) {}
  Result<size_t> Read(char* out, size_t size) override { return file_->Read(out, size); }

 private:
  std::unique_ptr<File> file_;
};

std::string_view Why(int fault) {
  switch (fault) {
    case ISAL_INVALID_WRAPPER: return "no gzip data";
    case ISAL_UNSUPPORTED_METHOD: return "its method is not deflate";
    case ISAL_INCORRECT_CHECKSUM: return "the checksum is wrong";
    case ISAL_INVALID_LOOKBACK: return "invalid distance";
    case ISAL_INVALID_SYMBOL: return "invalid code";
    default: return "invalid block";
  }
}

class GzipReader : public ByteReader {
 public:
  explicit GzipReader(std::unique_ptr<File> file)
      : file_(std::move(file)), input_(kPiece), state_(std::make_unique<inflate_state>()) {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;  // header and checksum, too
  }

  Result<size_t> Read(char* out, size_t size) override {
    state_->next_out = reinterpret_cast<uint8_t*>(out);
    state_->avail_out = static_cast<uint32_t>(std::min<size_t>(size, 1u << 30));
    uint32_t wanted = state_->avail_out;
    while (state_->avail_out == wanted) {
      if (inside_) TRY(Step());  // without input, too: it may hold bytes that did not fit before
      if (state_->avail_out != wanted) break;
      if (state_->avail_in == 0) {
        size_t got = TRY(file_->Read(input_.data(), input_.size()));
        if (got == 0 && inside_) return Truncated(file_->path(), "gzip");
        if (got == 0) break;
        state_->next_in = reinterpret_cast<uint8_t*>(input_.data());
        state_->avail_in = static_cast<uint32_t>(got);
      }
      if (!inside_) BeginMember();
    }
    return static_cast<size_t>(wanted - state_->avail_out);
  }

 private:
  void BeginMember() {
    // Zero padding after the last member is allowed (tar and tape do that).
    while (members_ > 0 && state_->avail_in > 0 && *state_->next_in == 0) {
      ++state_->next_in;
      --state_->avail_in;
    }
    if (state_->avail_in == 0) return;
    isal_inflate_reset(state_.get());
    inside_ = true;
  }
  Status Step() {
    int result = isal_inflate(state_.get());
    if (result < 0) return Damaged(file_->path(), "gzip", Why(result));
    if (state_->block_state != ISAL_BLOCK_FINISH) return Status::Ok();
    inside_ = false;
    ++members_;
    return Status::Ok();
  }

  std::unique_ptr<File> file_;
  std::vector<char> input_;
  std::unique_ptr<inflate_state> state_;  // 90 kB
  bool inside_ = false;                   // a member
  int64_t members_ = 0;
};

class ZstdReader : public ByteReader {
 public:
  explicit ZstdReader(std::unique_ptr<File> file)
      : file_(std::move(file)), input_(kPiece), context_(ZSTD_createDCtx()) {}
  ~ZstdReader() override { ZSTD_freeDCtx(context_); }

  Result<size_t> Read(char* out, size_t size) override {
    if (context_ == nullptr) return Status(Code::kExhausted, "no memory for zstd");
    ZSTD_outBuffer output{out, size, 0};
    while (output.pos == 0) {
      if (pending_.pos == pending_.size) {
        size_t got = TRY(file_->Read(input_.data(), input_.size()));
        if (got == 0 && inside_) return Truncated(file_->path(), "zstd");
        if (got == 0) break;
        pending_ = {input_.data(), got, 0};
      }
      size_t left = ZSTD_decompressStream(context_, &output, &pending_);
      if (ZSTD_isError(left)) return Damaged(file_->path(), "zstd", ZSTD_getErrorName(left));
      inside_ = left != 0;
    }
    return output.pos;
  }

 private:
  std::unique_ptr<File> file_;
  std::vector<char> input_;
  ZSTD_DCtx* context_;
  ZSTD_inBuffer pending_{nullptr, 0, 0};
  bool inside_ = false;  // a frame
};

Result<Compression> Detect(File& file) {
  std::array<char, 4> magic{};
  size_t have = 0;
  while (have < magic.size()) {
    size_t got = TRY(file.Read(magic.data() + have, magic.size() - have));
    if (got == 0) break;
    have += got;
  }
  std::string_view start(magic.data(), have);
  if (start.starts_with("\x1f\x8b")) return Compression::kGzip;
  if (start == "\x28\xb5\x2f\xfd") return Compression::kZstd;
  return Compression::kNone;
}

}  // namespace

Result<Compression> DetectCompression(const std::string& path) {
  std::unique_ptr<File> file = TRY(File::Open(path));
  return Detect(*file);
}

Result<std::unique_ptr<ByteReader>> OpenBytes(const std::string& path, Compression compression) {
  std::unique_ptr<File> file = TRY(File::Open(path));
  if (compression == Compression::kAuto) {
    compression = TRY(Detect(*file));
    TRY(file->Rewind());
  }
  switch (compression) {
    case Compression::kGzip: return std::unique_ptr<ByteReader>(new GzipReader(std::move(file)));
    case Compression::kZstd: return std::unique_ptr<ByteReader>(new ZstdReader(std::move(file)));
    default: return std::unique_ptr<ByteReader>(new PlainReader(std::move(file)));
  }
}

Result<int64_t> DecodedLength(const std::string& path, Compression compression) {
  std::unique_ptr<ByteReader> reader = TRY(OpenBytes(path, compression));
  std::vector<char> piece(kPiece);
  int64_t length = 0;
  while (size_t got = TRY(reader->Read(piece.data(), piece.size())))
    length += static_cast<int64_t>(got);
  return length;
}

}  // namespace millrace
