#include <nanoarrow/nanoarrow.hpp>

#include <cerrno>
#include <charconv>
#include <fstream>

#include "lines.h"

namespace millrace::lines {

namespace {

constexpr int64_t kRowsABatch = 1000;

Result<int64_t> OffsetOf(const Position& position) {
  int64_t offset = 0;
  const std::string& text = position.token;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (error == std::errc() && end == text.data() + text.size() && offset >= 0) return offset;
  return Invalid("'" + text + "' is not an offset in a file");
}

// A column `line` of these lines, as Arrow has it.
Result<Rows> ToRows(const std::vector<std::string>& lines) {
  nanoarrow::UniqueSchema schema;
  nanoarrow::UniqueArray array;
  ArrowSchemaInit(schema.get());
  bool ok = ArrowSchemaSetTypeStruct(schema.get(), 1) == NANOARROW_OK &&
            ArrowSchemaSetType(schema->children[0], NANOARROW_TYPE_STRING) == NANOARROW_OK &&
            ArrowSchemaSetName(schema->children[0], "line") == NANOARROW_OK &&
            ArrowArrayInitFromSchema(array.get(), schema.get(), nullptr) == NANOARROW_OK &&
            ArrowArrayStartAppending(array.get()) == NANOARROW_OK;
  for (const std::string& line : lines) {
    ArrowStringView text{line.data(), static_cast<int64_t>(line.size())};
    ok = ok && ArrowArrayAppendString(array->children[0], text) == NANOARROW_OK &&
         ArrowArrayFinishElement(array.get()) == NANOARROW_OK;
  }
  ok = ok && ArrowArrayFinishBuildingDefault(array.get(), nullptr) == NANOARROW_OK;
  if (!ok) return Status(Code::kExhausted, "no memory for a batch of lines");
  return Rows::Adopt(schema.get(), array.get());
}

// Its position is how many bytes were read, up to a line end.
class LinesSource final : public Source {
 public:
  explicit LinesSource(std::string path) : path_(std::move(path)) {}

  Status Probe(std::stop_token) override {
    if (std::ifstream(path_)) return Status::Ok();
    return FromErrno("cannot read " + path_, errno);
  }

  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override {
    TRY(Probe(stop));
    int64_t offset = begin ? TRY(OffsetOf(*begin)) : 0;
    std::ifstream in(path_, std::ios::binary);
    in.seekg(offset);
    for (std::string line; std::getline(in, line) && !in.eof();) {
      if (stop.stop_requested()) return Canceled();
      offset += static_cast<int64_t>(line.size()) + 1;
    }
    return Position{std::to_string(offset)};  // a line without an end is still being written
  }

  Status Open(const Range& range, std::stop_token stop) override {
    next_ = range.begin ? TRY(OffsetOf(*range.begin)) : 0;
    end_ = TRY(OffsetOf(range.end ? *range.end : TRY(Latest(range.begin, stop))));
    in_.open(path_, std::ios::binary | std::ios::ate);
    // The same rows must come each time: a file that is not what it was cannot give them.
    if (!in_ || in_.tellg() < end_) return Invalid(path_ + " is shorter than when it was read");
    in_.seekg(next_);
    return Status::Ok();
  }

  Result<std::optional<Batch>> Read(std::stop_token stop) override {
    if (stop.stop_requested()) return Canceled();
    std::vector<std::string> lines;
    for (std::string line; next_ < end_ && static_cast<int64_t>(lines.size()) < kRowsABatch;) {
      if (!std::getline(in_, line)) return Invalid(path_ + " was cut short while it was read");
      next_ += static_cast<int64_t>(line.size()) + 1;
      lines.push_back(std::move(line));
    }
    if (lines.empty() && told_columns_) return std::optional<Batch>();
    told_columns_ = true;  // a range without rows has columns all the same
    return std::optional<Batch>({TRY(ToRows(lines)), Position{std::to_string(next_)}});
  }

  Result<std::optional<Schema>> Describe(Session&, std::stop_token) override {
    return std::optional<Schema>(Schema{{{"line", {TypeKind::kVarchar}}}});
  }

 private:
  const std::string path_;
  std::ifstream in_;
  int64_t next_ = 0, end_ = 0;
  bool told_columns_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  return std::unique_ptr<Source>(new LinesSource(context.folder + "/" + config.path));
}

}  // namespace millrace::lines
