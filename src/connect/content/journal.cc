#include "connect/content/journal.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "config/json.h"
#include "net/ipld/part_file.h"

namespace millrace::content {

namespace {
constexpr std::uintmax_t kMostBytes = 64 << 20;
}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)), steps_(std::move(other.steps_)) {}

Result<Journal> Journal::Open(std::string path) {
  Journal journal(std::move(path));
  std::error_code error;
  std::uintmax_t size = std::filesystem::file_size(journal.path_, error);
  if (error == std::errc::no_such_file_or_directory) return journal;
  if (error) return FromErrno("cannot read " + journal.path_, error.value());
  std::ifstream file(journal.path_);
  Json json = size > kMostBytes ? Json() : Json::parse(file, nullptr, /*allow_exceptions=*/false);
  bool is_journal = json.is_object();
  if (is_journal) {
    for (const auto& [step, value] : json.items()) {
      is_journal = is_journal && value.is_string();
      if (is_journal) journal.steps_[step] = value.get<std::string>();
    }
  }
  if (!is_journal) {
    return Invalid(journal.path_ + " is not the journal of an upload",
                   "remove it: the upload then begins anew");
  }
  return journal;
}

std::optional<std::string> Journal::Find(const std::string& step) const {
  std::lock_guard lock(mutex_);
  auto found = steps_.find(step);
  return found == steps_.end() ? std::nullopt : std::optional(found->second);
}

Status Journal::Record(const std::string& step, std::string_view value) {
  std::lock_guard lock(mutex_);
  auto steps = steps_;
  steps[step] = value;
  TRY(Write(steps));
  steps_ = std::move(steps);
  return Status::Ok();
}

Status Journal::Forget(const std::string& step) {
  std::lock_guard lock(mutex_);
  auto steps = steps_;
  if (steps.erase(step) == 0) return Status::Ok();
  TRY(Write(steps));
  steps_ = std::move(steps);
  return Status::Ok();
}

std::map<std::string, std::string> Journal::All() const {
  std::lock_guard lock(mutex_);
  return steps_;
}

Status Journal::Write(const std::map<std::string, std::string>& steps) {
  Json json = Json::object();
  for (const auto& [step, value] : steps) json[step] = value;
  auto file = TRY(ipld::PartFile::Create(path_));
  TRY(file->Append(json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
  return file->Commit(path_, /*sync=*/true);
}

}  // namespace millrace::content
