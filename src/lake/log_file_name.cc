#include "lake/log_file_name.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

#include "base/text.h"

namespace millrace {

namespace {

// Exactly `digits` digits.
std::optional<int64_t> Digits(std::string_view text, size_t digits) {
  if (text.size() != digits || text.find_first_not_of("0123456789") != text.npos)
    return std::nullopt;
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<LogFileName> ParseLogFileName(std::string_view name) {
  std::vector<std::string> parts = Split(name, '.');
  std::optional<int64_t> version = Digits(parts[0], 20);
  if (!version) return std::nullopt;
  LogFileName file{.version = *version};
  if (parts.size() == 2 && parts[1] == "json") return file;
  if (parts.size() < 3 || parts[1] != "checkpoint") return std::nullopt;
  file.kind = LogFileName::Kind::kCheckpoint;
  const std::string& extension = parts.back();
  if (parts.size() == 3 && extension == "parquet") return file;
  if (parts.size() == 4 && (extension == "parquet" || extension == "json")) {
    file.unique = parts[2];
    return file;
  }
  std::optional<int64_t> part = parts.size() == 5 ? Digits(parts[2], 10) : std::nullopt;
  std::optional<int64_t> count = part ? Digits(parts[3], 10) : std::nullopt;
  if (!count || extension != "parquet" || *part < 1 || *part > *count || *count > 1'000'000)
    return std::nullopt;
  file.part = static_cast<int>(*part);
  file.parts = static_cast<int>(*count);
  return file;
}

std::string EntryName(int64_t version) { return fmt::format("{:020}.json", version); }

std::string CheckpointName(int64_t version) {
  return fmt::format("{:020}.checkpoint.parquet", version);
}

}  // namespace millrace
