#include "decode/csv_open.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "base/time.h"
#include "decode/encoding.h"

namespace millrace::csv {

namespace {

constexpr size_t kPiece = size_t{1} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
// A decompressed copy is parsed on all cores; above this size the disk space is dearer.
constexpr int64_t kMaxConvenience = int64_t{1} << 30;

// The lines up to the header's end, then what comes after the bytes that were taken before.
class ResumingReader : public ByteReader {
 public:
  ResumingReader(std::unique_ptr<ByteReader> bytes, int64_t head_lines, int64_t skip)
      : bytes_(std::move(bytes)), head_lines_(head_lines), skip_(skip) {}

  Result<size_t> Read(char* out, size_t size) override {
    while (true) {
      size_t got = TRY(bytes_->Read(out, size));
      if (got == 0) return got;
      size_t kept = Filter(out, got);
      if (kept > 0) return kept;
    }
  }
  int64_t lines_skipped() const { return lines_skipped_; }

 private:
  // Moves what is to be kept to the front.
  size_t Filter(char* bytes, size_t size) {
    size_t kept = 0, at = 0;
    while (at < size && head_lines_ > 0) {
      head_lines_ -= bytes[at] == '\n';
      kept = ++at;
    }
    size_t from = at;
    int64_t gone = std::clamp<int64_t>(skip_ - (position_ + static_cast<int64_t>(at)), 0,
                                       static_cast<int64_t>(size - at));
    at += static_cast<size_t>(gone);
    lines_skipped_ += std::count(bytes + from, bytes + at, '\n');
    std::copy(bytes + at, bytes + size, bytes + kept);
    position_ += static_cast<int64_t>(size);
    return kept + (size - at);
  }

  std::unique_ptr<ByteReader> bytes_;
  int64_t head_lines_, skip_;
  int64_t position_ = 0, lines_skipped_ = 0;
};

LineRules RulesOf(const Dialect& dialect, const FormatConfig& format, char line_end) {
  auto byte = [](const std::string& text) { return text.empty() ? '\0' : text[0]; };
  return {.delimiter = dialect.delimiter,
          .quote = byte(dialect.quote),
          .escape = byte(dialect.escape),
          .comment = byte(dialect.comment),
          .line_end = line_end,
          .max_line = format.csv.max_line.count};
}

struct Pass {
  Survey survey;
  int64_t lines_before = 0;
  bool byte_order_mark = false;
  std::unique_ptr<ScratchFile> copy;  // null when none was asked for, or it grew beyond its limit
};

struct PassOptions {
  bool copy = false;
  int64_t copy_limit = INT64_MAX;
  char line_end = '\n';
};

Status Run(ByteReader& bytes, Surveyor& surveyor, bool& byte_order_mark, std::stop_token stop) {
  std::vector<char> piece(kPiece);
  for (bool first = true;; first = false) {
    if (stop.stop_requested()) return Canceled();
    size_t got = TRY(bytes.Read(piece.data(), piece.size()));
    if (got == 0) return Status::Ok();
    std::string_view text(piece.data(), got);
    if (first && text.starts_with(kByteOrderMark)) {
      byte_order_mark = true;
      text.remove_prefix(kByteOrderMark.size());
    }
    TRY(surveyor.Feed(text));
  }
}

Result<Pass> Look(const InputFile& file, const FormatConfig& format, const Dialect& dialect,
                  const PassOptions& options, const std::string& stand_in,
                  const std::string& scratch, std::stop_token stop) {
  Pass pass;
  std::unique_ptr<ByteReader> bytes = TRY(OpenBytes(file.path, format.compression));
  ResumingReader* resuming = nullptr;
  if (file.skip > 0) {
    auto reader = std::make_unique<ResumingReader>(
        std::move(bytes), dialect.skip + (dialect.header ? 1 : 0), file.skip);
    resuming = reader.get();
    bytes = std::move(reader);
  }
  if (!IsUtf8(format.csv.encoding))
    bytes = TRY(Transcode(std::move(bytes), format.csv.encoding, file.name));
  Surveyor::Copy write;
  int64_t written = 0;
  if (options.copy) {
    pass.copy = TRY(ScratchFile::Make(scratch));
    write = [&](std::string_view text) {
      written += static_cast<int64_t>(text.size());
      if (written > options.copy_limit) pass.copy.reset();
      return pass.copy != nullptr ? pass.copy->Append(text) : Status::Ok();
    };
  }
  Surveyor surveyor(RulesOf(dialect, format, options.line_end), write, stand_in);
  Status status = Run(*bytes, surveyor, pass.byte_order_mark, stop);
  if (status.ok()) {
    Result<Survey> survey = surveyor.Finish();
    status = survey.status();
    if (survey.ok()) pass.survey = *std::move(survey);
  }
  if (!status.ok()) return status.code() == Code::kInvalid ? status.In(file.name) : status;
  if (pass.copy != nullptr) TRY(pass.copy->Close());
  if (resuming != nullptr) {
    pass.lines_before = resuming->lines_skipped();
    for (BrokenLine& line : pass.survey.broken) line.line += pass.lines_before;
  }
  return pass;
}

}  // namespace

Result<std::string> ReadSample(const InputFile& file, const FormatConfig& format) {
  std::unique_ptr<ByteReader> bytes = TRY(OpenBytes(file.path, format.compression));
  if (!IsUtf8(format.csv.encoding))
    bytes = TRY(Transcode(std::move(bytes), format.csv.encoding, file.name));
  std::string sample(kSampleBytes, '\0');
  size_t have = 0;
  while (have < sample.size()) {
    size_t got = TRY(bytes->Read(sample.data() + have, sample.size() - have));
    if (got == 0) break;
    have += got;
  }
  bool whole = have < sample.size();
  sample.resize(have);
  if (sample.starts_with(kByteOrderMark)) sample.erase(0, kByteOrderMark.size());
  if (whole) return sample;
  size_t end = sample.find_last_of("\r\n");
  if (end == sample.npos) {
    return Invalid(file.name + ": its first " + FormatBytes(kSampleBytes) + " hold no line end",
                   "is it a CSV file?");
  }
  sample.resize(end + 1);
  return sample;
}

std::string HeaderLine(const std::string& sample, int64_t skip) {
  size_t at = 0;
  for (; skip > 0; --skip) {
    at = sample.find('\n', at);
    if (at == sample.npos) return "";
    ++at;
  }
  std::string line = sample.substr(at, sample.find_first_of("\r\n", at) - at);
  return line;
}

Result<std::unique_ptr<ScratchFile>> ScratchFile::Make(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  std::string path = folder + "/" + NewUuid() + ".csv";
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return FromErrno("cannot write " + path, errno);
  return std::unique_ptr<ScratchFile>(new ScratchFile(std::move(path), fd));
}

ScratchFile::~ScratchFile() {
  if (fd_ >= 0) ::close(fd_);
  ::unlink(path_.c_str());
}

Status ScratchFile::Append(std::string_view bytes) {
  buffer_.append(bytes);
  return buffer_.size() < kPiece ? Status::Ok() : Flush();
}

Status ScratchFile::Flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    ssize_t put = ::write(fd_, left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FromErrno("cannot write " + path_, errno);
    left.remove_prefix(static_cast<size_t>(put));
  }
  buffer_.clear();
  return Status::Ok();
}

Status ScratchFile::Close() {
  TRY(Flush());
  int result = ::close(std::exchange(fd_, -1));
  return result == 0 ? Status::Ok() : FromErrno("cannot write " + path_, errno);
}

Result<ReadyFile> Open(const InputFile& file, const FormatConfig& format, const Dialect& dialect,
                       const std::string& stand_in, const std::string& scratch,
                       std::stop_token stop) {
  Compression compression = format.compression;
  if (compression == Compression::kAuto) compression = TRY(DetectCompression(file.path));
  PassOptions options;
  std::string sample = TRY(ReadSample(file, format));
  if (sample.find('\n') == sample.npos && sample.find('\r') != sample.npos) options.line_end = '\r';
  bool packed = compression != Compression::kNone;
  bool must_copy = file.skip > 0 || !IsUtf8(format.csv.encoding) || options.line_end == '\r';
  options.copy = packed || must_copy;
  if (!must_copy) options.copy_limit = kMaxConvenience;
  Pass pass = TRY(Look(file, format, dialect, options, stand_in, scratch, stop));
  must_copy = must_copy || !pass.survey.broken.empty() || pass.survey.mixed_line_ends;
  if (must_copy && pass.copy == nullptr) {
    options.copy = true;
    options.copy_limit = INT64_MAX;
    pass = TRY(Look(file, format, dialect, options, stand_in, scratch, stop));
  }
  int64_t head = dialect.skip + (dialect.header ? 1 : 0);
  if (!pass.survey.broken.empty() && pass.survey.broken[0].line <= head) {
    return Invalid(file.name + ": line " + std::to_string(pass.survey.broken[0].line) +
                   ", the header, is broken: " + pass.survey.broken[0].reason);
  }
  if (pass.copy != nullptr) compression = Compression::kNone;
  ReadyFile ready{.name = file.name,
                  .path = pass.copy != nullptr ? pass.copy->path() : file.path,
                  .copy = std::move(pass.copy),
                  .broken = std::move(pass.survey.broken),
                  .lines_before = pass.lines_before,
                  .compression = compression,
                  .empty = pass.survey.bytes == 0};
  return ready;
}

}  // namespace millrace::csv
