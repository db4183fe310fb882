#include "connect/rest/page_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/descriptor.h"
#include "base/text.h"
#include "base/time.h"
#include "config/json.h"
#include "connect/rest/record_scanner.h"
#include "decode/encoding.h"
#include "decode/scan.h"

namespace millrace::rest {

namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = size_t{256} << 10;

class BodyReader final : public ByteReader {
 public:
  explicit BodyReader(http::BodyStream& body) : body_(body) {}
  Result<size_t> Read(char* out, size_t size) override { return body_.Read(out, size); }

 private:
  http::BodyStream& body_;
};

std::string ContentType(const http::Response& response) {
  const std::string* type = http::FindHeader(response.headers, "Content-Type");
  return type ? ToLower(*type) : "";
}

// "charset=latin-1" of a Content-Type, or "".
std::string CharsetOf(const std::string& type) {
  size_t at = type.find("charset=");
  if (at == type.npos) return "";
  std::string charset = type.substr(at + 8);
  charset = charset.substr(0, charset.find(';'));
  std::erase(charset, '"');
  return std::string(Trim(charset));
}

FormatKind KindOf(const SourceConfig& config, const std::string& type) {
  if (config.format != FormatKind::kAuto) return config.format;
  if (type.find("ndjson") != type.npos || type.find("jsonl") != type.npos ||
      type.find("json-lines") != type.npos || type.find("json-seq") != type.npos)
    return FormatKind::kNdjson;
  if (type.find("text/csv") != type.npos || type.find("tab-separated") != type.npos)
    return FormatKind::kCsv;
  return FormatKind::kJson;
}

// A page in a file of its own, for the engine.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& folder, const std::string& ending) {
    static std::atomic<int64_t> count{0};
    path_ = folder + "/page-" + std::to_string(::getpid()) + "-" + std::to_string(++count) + ending;
  }
  ~ScratchFile() { ::unlink(path_.c_str()); }
  ScratchFile(const ScratchFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Status CopyTo(const std::string& path, ByteReader& bytes, std::stop_token stop) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (file.get() < 0) return FromErrno("cannot create " + path, errno);
  std::vector<char> piece(kPiece);
  for (;;) {
    if (stop.stop_requested()) return Canceled();
    size_t got = TRY(bytes.Read(piece.data(), piece.size()));
    if (got == 0) return Status::Ok();
    TRY(WriteAll(file.get(), {piece.data(), got}, path));
  }
}

}  // namespace

Result<std::unique_ptr<PageReader>> PageReader::Make(const SourceConfig& config,
                                                     ConnectContext& context, std::string scratch) {
  std::unique_ptr<PageReader> reader(new PageReader(config, context, std::move(scratch)));
  reader->records_ = TRY(JsonPath::Parse(config.records));
  return reader;
}

Result<std::string> PageReader::Read(const http::Response& head, http::BodyStream& body,
                                     RecordWriter& writer, std::stop_token stop) const {
  std::string type = ContentType(head), charset = config_.csv.encoding;
  bool configured = !IsUtf8(charset);
  if (!configured && !CharsetOf(type).empty()) charset = CharsetOf(type);
  std::unique_ptr<ByteReader> bytes = std::make_unique<BodyReader>(body);
  if (!IsUtf8(charset) && charset != "us-ascii") {
    Result<std::unique_ptr<ByteReader>> decoded =
        Transcode(std::move(bytes), charset, "the answer");
    if (!decoded.ok())
      return Status(decoded.code(), decoded.status().message(), "name another in `csv.encoding`");
    bytes = *std::move(decoded);
  }
  switch (KindOf(config_, type)) {
    case FormatKind::kNdjson: TRY(ReadLines(*bytes, writer, stop)); return std::string();
    case FormatKind::kCsv: TRY(ReadCsv(*bytes, writer, stop)); return std::string();
    default: break;
  }
  if (type.find("text/html") != type.npos) {
    std::string begin(120, '\0');
    begin.resize(TRY(bytes->Read(begin.data(), begin.size())));
    return Invalid("it answers with a web page, not with JSON: " + CutText(begin, 100),
                   "see that `url` is that of the API and that the sign-in is right");
  }
  return ReadJson(*bytes, writer, stop);
}

Result<std::string> PageReader::ReadJson(ByteReader& bytes, RecordWriter& writer,
                                         std::stop_token stop) const {
  RecordScanner scanner(
      records_, config_.max_record.count,
      [&](std::string_view record, int64_t offset) { return writer.Add(record, offset); });
  auto piece = std::make_unique_for_overwrite<char[]>(kPiece + RecordScanner::kPadding);
  for (;;) {
    if (stop.stop_requested()) return Canceled();
    size_t got = TRY(bytes.Read(piece.get(), kPiece));
    if (got == 0) break;
    TRY(scanner.Feed({piece.get(), got}));
  }
  TRY(scanner.Finish());
  if (!scanner.beside().empty()) {
    Json beside = Json::parse(scanner.beside(), nullptr, /*allow_exceptions=*/false);
    if (beside.is_discarded())
      return Invalid("invalid JSON beside the records: " + CutText(scanner.beside(), 160));
    bool wrong_path = !scanner.found() && !config_.records.empty();
    // An empty list on the way there leads to nothing, and that is right.
    bool through_lists = config_.records.find('[') != std::string::npos;
    if (wrong_path && !through_lists) {
      std::vector<std::string> names;
      if (beside.is_object()) {
        for (const auto& [name, value] : beside.items()) names.push_back(name);
      }
      return Invalid("there are no records at '" + config_.records + "' in the answer",
                     names.empty() ? "the document is no object: leave `records` out"
                                   : "it has " + CutText(Join(names, ", "), 200));
    }
  }
  return scanner.beside();
}

Status PageReader::ReadLines(ByteReader& bytes, RecordWriter& writer, std::stop_token stop) const {
  std::string text;
  int64_t offset = 0;  // of the text
  std::vector<char> piece(kPiece);
  auto add = [&](size_t begin, size_t end) -> Status {
    std::string_view line = Trim(std::string_view(text).substr(begin, end - begin));
    return line.empty() ? Status::Ok() : writer.Add(line, offset + static_cast<int64_t>(begin));
  };
  for (bool last = false; !last;) {
    if (stop.stop_requested()) return Canceled();
    size_t got = TRY(bytes.Read(piece.data(), piece.size()));
    last = got == 0;
    text.append(piece.data(), got);
    if (last && !text.empty()) text += '\n';
    size_t size = text.size();
    text.append(RecordScanner::kPadding, ' ');
    size_t begin = 0;
    for (size_t end; (end = text.find('\n', begin)) < size; begin = end + 1) TRY(add(begin, end));
    text.resize(size);
    text.erase(0, begin);
    offset += static_cast<int64_t>(begin);
    if (static_cast<int64_t>(text.size()) > config_.max_record.count) {
      return {Code::kExhausted,
              "the line at byte " + FormatCount(offset) + " is longer than " +
                  FormatBytes(config_.max_record.count),
              "raise `max_record`"};
    }
  }
  return Status::Ok();
}

// The engine knows all dialects: it writes the rows as lines.
Status PageReader::ReadCsv(ByteReader& bytes, RecordWriter& writer, std::stop_token stop) const {
  if (!context_.engine) return Internal("CSV needs an engine");
  std::error_code error;
  fs::create_directories(scratch_, error);
  ScratchFile page(scratch_, ".csv"), rows(scratch_, ".ndjson");
  TRY(CopyTo(page.path(), bytes, stop));
  if (fs::file_size(page.path(), error) == 0) return Status::Ok();
  std::unique_ptr<Session> session = TRY(context_.engine->Open(context_.task + " page"));
  FormatConfig format{.format = FormatKind::kCsv, .compression = Compression::kNone};
  format.csv = config_.csv;
  format.csv.encoding = "utf-8";  // it is by now
  std::unique_ptr<FileScan> scan =
      TRY(ScanFiles(*session, {{page.path(), "the answer"}}, format, {}, scratch_ + "/scan", stop));
  TRY(session->Materialize("page_rows", scan->rows(), stop));
  if (std::optional<Sql> rejects = TRY(scan->Rejects(*session, stop))) {
    auto first = TRY(session->Collect({"SELECT CAST(_line AS VARCHAR), _reason FROM (" +
                                       rejects->text + ") ORDER BY _line LIMIT 1"},
                                      stop));
    if (!first.empty()) {
      return Invalid("line " + first[0][0].value_or("?") +
                         " of the CSV: " + first[0][1].value_or("cannot be read"),
                     "see the fields of `csv`");
    }
  }
  TRY(session->WriteFile({"SELECT * EXCLUDE (_source_file) FROM page_rows"}, rows.path(), "ndjson",
                         {}, stop));
  std::unique_ptr<ByteReader> lines = TRY(OpenBytes(rows.path(), Compression::kNone));
  return ReadLines(*lines, writer, stop);
}

}  // namespace millrace::rest
