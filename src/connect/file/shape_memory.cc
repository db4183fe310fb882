#include "connect/file/shape_memory.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/hash.h"

namespace millrace::file {

namespace {

namespace fs = std::filesystem;

// Every part with its length, so that no two lists of parts read the same.
class Key {
 public:
  Key& Add(std::string_view part) {
    text_ += std::to_string(part.size()) + ":" + std::string(part);
    return *this;
  }
  Key& Add(int64_t number) { return Add(std::to_string(number)); }
  Key& AddIfAny(const std::optional<std::string>& part) {
    return part ? Add("+" + *part) : Add("-");
  }
  Key& Add(const std::vector<std::string>& parts) {
    Add(static_cast<int64_t>(parts.size()));
    for (const std::string& part : parts) Add(part);
    return *this;
  }
  Key& Add(const std::map<std::string, std::string>& parts) {
    Add(static_cast<int64_t>(parts.size()));
    for (const auto& [name, value] : parts) Add(name).Add(value);
    return *this;
  }
  std::string Hash() const { return Sha256Hex(text_); }

 private:
  std::string text_;
};

// Names every field: one that is added to a format and not here does not compile.
void AddFormat(Key& key, const FormatConfig& config) {
  const auto& [format, compression, csv, json] = config;
  key.Add(static_cast<int64_t>(format)).Add(static_cast<int64_t>(compression));
  const auto& [delimiter, quote, escape, comment, header, encoding, null, skip, all_text, names,
               columns, decimal, date_format, timestamp_format, max_line] = csv;
  key.AddIfAny(delimiter).AddIfAny(quote).AddIfAny(escape).AddIfAny(comment);
  key.Add(int64_t{header ? *header : 2}).Add(encoding).Add(null).Add(skip).Add(int64_t{all_text});
  key.Add(names)
      .Add(columns)
      .Add(decimal)
      .Add(date_format)
      .Add(timestamp_format)
      .Add(max_line.count);
  const auto& [records, json_columns, max_record] = json;
  key.Add(records).Add(json_columns).Add(max_record.count);
}

std::optional<Shape> Remembered(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  Result<Shape> shape = Shape::Parse(text.str());
  if (!shape.ok()) return std::nullopt;  // of another version: looked for again
  return *std::move(shape);
}

void Remember(const std::string& path, const Shape& shape) {
  std::error_code ignored;  // a memory that cannot be kept costs time only
  fs::create_directories(fs::path(path).parent_path(), ignored);
  std::string aside = path + "." + std::to_string(::getpid()) + ".tmp";
  std::ofstream out(aside, std::ios::binary | std::ios::trunc);
  out << shape.ToText();
  out.close();
  if (out) fs::rename(aside, path, ignored);
  if (!out) fs::remove(aside, ignored);
}

}  // namespace

std::string ShapeKey(const std::vector<FoundFile>& files, const FormatConfig& format) {
  Key key;
  AddFormat(key, format);
  for (const FoundFile& file : files) {
    key.Add(fs::path(file.path).filename().string()).Add(file.size);
    key.Add(file.modified.time_since_epoch().count());
  }
  return key.Hash();
}

Result<Shape> ShapeOf(Session& session, const std::vector<FoundFile>& files,
                      const FormatConfig& format, const std::string& state_folder,
                      std::stop_token stop) {
  std::string path = state_folder + "/shapes/" + ShapeKey(files, format);
  if (std::optional<Shape> shape = Remembered(path)) return *std::move(shape);
  std::vector<InputFile> inputs;
  for (const FoundFile& file : files) inputs.push_back({file.absolute, file.path});
  Shape shape = TRY(SniffFiles(session, inputs, format, stop));
  Remember(path, shape);
  return shape;
}

}  // namespace millrace::file
