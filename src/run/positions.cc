#include "run/positions.h"

#include <nlohmann/json.hpp>

#include "config/json.h"

namespace millrace {

namespace {

constexpr size_t kMaxPosition = 1 << 20;  // bytes; it goes into every log entry

}  // namespace

std::string WritePosition(const CommitRecord& commit) {
  Json end = Json::object();
  for (const auto& [input, position] : commit.end) end[input] = position.token;
  Json all = {{"run", commit.run},
              {"now", FormatTime(commit.now)},
              {"definition", commit.definition},
              {"end", end}};
  std::string text = all.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() <= kMaxPosition ? text : "";
}

Result<CommitRecord> ReadPosition(const CommitId& id, std::string_view text) {
  Json all = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  auto text_at = [&](const char* key) {
    return all.is_object() && all.contains(key) && all[key].is_string()
               ? all[key].get<std::string>()
               : "";
  };
  Result<Time> now = ParseTime(text_at("now"));
  if (!now.ok() || !all.contains("end") || !all["end"].is_object()) {
    return Invalid("what the target kept with commit " + std::to_string(id.sequence) + " of " +
                   id.task + " is not a position");
  }
  CommitRecord commit{
      .id = id, .run = text_at("run"), .now = *now, .definition = text_at("definition")};
  for (const auto& [input, token] : all["end"].items()) {
    if (!token.is_string()) return Invalid("the position of input '" + input + "' is not a text");
    commit.end[input] = Position{token.get<std::string>()};
  }
  commit.finished = true;
  return commit;
}

}  // namespace millrace
