#include "connect/file/reading.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "connect/file/shape_memory.h"

namespace millrace::file {

namespace {

namespace fs = std::filesystem;

constexpr const char* kSourceFile = "_source_file";
constexpr size_t kPiece = size_t{1} << 20;  // bytes a read

// No rows, in the files' columns.
Sql Nothing(const Schema& schema) {
  std::string columns;
  for (const Column& column : schema.columns) {
    columns += "CAST(NULL AS " + column.type.ToSql() + ") AS " + SqlName(column.name) + ", ";
  }
  return {"SELECT " + columns + "CAST(NULL AS VARCHAR) AS " + kSourceFile + " WHERE false"};
}

}  // namespace

Reading::Reading(FormatConfig format, std::string state_folder, const std::string& id)
    : format_(std::move(format)),
      state_folder_(std::move(state_folder)),
      scratch_(state_folder_ + "/staging", Sha256Hex(id).substr(0, 16) + "-") {}

Reading::~Reading() { Close(); }

Status Reading::Open(std::vector<ToRead> files, std::vector<FoundFile> all, std::stop_token stop) {
  Close();
  scratch_.Sweep();
  files_ = std::move(files);
  all_ = std::move(all);
  stop_ = stop;
  for (const ToRead& each : files_) {
    InputFile input{each.file.absolute, each.file.path, each.skip};
    Seen seen = TRY(Look(each.file.absolute));
    if (each.upto >= 0) {
      input.path = TRY(StagePrefix(each, stop));
    } else {
      seen_.push_back(std::move(seen));
    }
    inputs_.push_back(std::move(input));
  }
  return Status::Ok();
}

Result<std::optional<Sql>> Reading::Scan(Session& session) {
  if (inputs_.empty()) {
    Shape shape = TRY(ShapeOf(session, all_, format_, state_folder_, stop_));
    return std::optional<Sql>(Nothing(shape.schema));
  }
  std::vector<FoundFile> files;
  for (const ToRead& each : files_) files.push_back(each.file);
  Shape shape = TRY(ShapeOf(session, files, format_, state_folder_, stop_));
  scan_ = TRY(ScanFiles(session, inputs_, format_, shape, scratch_.path(), stop_));
  return std::optional<Sql>(scan_->rows());
}

Result<std::optional<Sql>> Reading::Rejects(Session& session) {
  TRY(CheckUnchanged());
  if (!scan_) return std::optional<Sql>();
  return scan_->Rejects(session, stop_);
}

Result<std::optional<Schema>> Reading::Describe(Session& session,
                                                const std::vector<FoundFile>& files,
                                                std::stop_token stop) {
  Schema schema = TRY(ShapeOf(session, files, format_, state_folder_, stop)).schema;
  schema.columns.push_back({kSourceFile, {TypeKind::kVarchar}});
  return std::optional<Schema>(std::move(schema));
}

SourceInfo Reading::Info() const {
  SourceInfo info{.bytes = 0};
  for (const ToRead& each : files_) {
    info.bytes += std::max<int64_t>(0, each.file.size - each.skip);
    const FoundFile& file = each.file;
    const std::string& path = file.uri.empty() ? file.absolute : file.uri;
    info.files.push_back({path, file.size, file.modified, each.sha256});
    if (each.rewritten) info.rewritten.push_back(each.file.path);
  }
  return info;
}

void Reading::Close() {
  scan_.reset();
  scratch_.Remove();
  files_.clear();
  inputs_.clear();
  seen_.clear();
}

Result<Reading::Seen> Reading::Look(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return FromErrno("cannot read " + path, errno);
  int64_t modified = int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  return Seen{path, info.st_size, static_cast<int64_t>(info.st_ino), modified};
}

Status Reading::CheckUnchanged() const {
  for (const Seen& seen : seen_) {
    Result<Seen> now = Look(seen.path);
    if (now.ok() && *now == seen) continue;
    return {Code::kUnavailable,
            seen.path + (now.ok() ? " changed" : " was removed") + " while it was read",
            "it is taken again with the next attempt"};
  }
  return Status::Ok();
}

Result<std::string> Reading::StagePrefix(const ToRead& file, std::stop_token stop) {
  TRY(scratch_.Make());
  std::string path = scratch_.path() + "/" + std::to_string(inputs_.size()) + "-" +
                     fs::path(file.file.path).filename().string();
  std::unique_ptr<ByteReader> reader = TRY(OpenBytes(file.file.absolute, Compression::kNone));
  int out = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) return FromErrno("cannot create " + path, errno);
  std::vector<char> piece(kPiece);
  Status status;
  for (int64_t left = file.upto; left > 0 && status.ok();) {
    size_t wanted = static_cast<size_t>(std::min<int64_t>(left, kPiece));
    Result<size_t> got = reader->Read(piece.data(), wanted);
    if (!got.ok())
      status = got.status();
    else if (*got == 0)
      status = {Code::kUnavailable, file.file.absolute + " changed while it was read"};
    else if (::write(out, piece.data(), *got) != static_cast<ssize_t>(*got)) {
      status = FromErrno("cannot write " + path, errno);
    } else {
      left -= static_cast<int64_t>(*got);
    }
    if (stop.stop_requested()) status = Canceled();
  }
  ::close(out);
  if (!status.ok()) return status;
  return path;
}

Result<std::optional<Batch>> ReadingSource::Read(std::stop_token) {
  return Internal("the rows of files are read by the engine, through NativeScan");
}

}  // namespace millrace::file
