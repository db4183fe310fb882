#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "connect/file/fetched_files.h"
#include "connect/file/growth.h"
#include "connect/file/reading.h"
#include "connect/file/shape_memory.h"
#include "connect/landing/config.h"
#include "connect/landing/landing.h"

namespace millrace::landing {

namespace {

using file::FoundFile;

// A version counts only within one life of the landing.
struct Place {
  int64_t version = 0;
  std::string landing_id;

  Position ToPosition() const { return {std::to_string(version) + " " + landing_id}; }

  static Result<Place> Parse(const Position& position) {
    Place place;
    const std::string& token = position.token;
    auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), place.version);
    if (error != std::errc()) return Invalid("'" + token + "' is not a position in a landing");
    place.landing_id = std::string(Trim(std::string_view(end, token.data() + token.size())));
    return place;
  }
};

// The newest of a file's versions up to a manifest, or null.
const LandedFile* At(const std::vector<LandedFile>& versions, int64_t manifest) {
  for (auto each = versions.rbegin(); each != versions.rend(); ++each) {
    if (each->version <= manifest) return &*each;
  }
  return nullptr;
}

// Its position is the manifest that brought the newest of its files, so that what else lands does
// not move it.
class LandingSource final : public file::ReadingSource {
 public:
  LandingSource(SourceConfig config, ConnectContext& context)
      : ReadingSource(config, context.state_folder, context.task + "\n" + config.path),
        config_(std::move(config)),
        name_(LandingOf(config_)),
        pattern_(PatternOf(config_)),
        lake_(context.lake.storage()),
        is_local_(IsLocal(lake_, FolderOf(name_))),
        fetched_(context.state_folder, context.task + "\n" + config_.path) {}

  Status Probe(std::stop_token) override { return LoadMatching().status(); }

  Result<Position> Latest(const std::optional<Position>&, std::stop_token) override {
    seen_ = TRY(LoadMatching());
    int64_t newest = 0;
    for (const auto& [name, versions] : seen_->files)
      newest = std::max(newest, versions.back().version);
    return Place{newest, seen_->landing_id}.ToPosition();
  }

  Status Open(const Range& range, std::stop_token stop) override {
    // A range that ends where Latest() looked needs no second look: manifests do not change.
    std::optional<Contents> seen = std::exchange(seen_, std::nullopt);
    bool enough = seen && range.end && TRY(Place::Parse(*range.end)).version <= seen->version;
    Contents contents = enough ? *std::move(seen) : TRY(LoadMatching());
    Place begin{-1, contents.landing_id}, end{contents.version, contents.landing_id};
    if (range.begin) begin = TRY(Place::Parse(*range.begin));
    if (range.end) end = TRY(Place::Parse(*range.end));
    if (begin.landing_id != contents.landing_id || end.landing_id != contents.landing_id) {
      return Invalid("landing '" + name_ + "' was removed and made anew since it was read",
                     "run once with --full-refresh");
    }
    places_ = TRY(FindPlaces(lake_, name_));
    std::vector<file::ToRead> todo;
    std::vector<FoundFile> all;
    removed_ = 0;
    std::vector<const LandedFile*> taken, earlier, shown;  // of `todo`, of it too, of `all`
    for (const auto& [name, versions] : contents.files) {
      const LandedFile* wanted = At(versions, end.version);
      const LandedFile* before = At(versions, begin.version);
      if (!wanted) continue;
      bool is_new = !before || before->sha256 != wanted->sha256;
      // Who begins has what there is; who goes on would lose rows, and is told by Find.
      if (wanted->removed && is_new && !range.begin) {
        ++removed_;
        continue;
      }
      Result<FoundFile> found = Find(contents, *wanted);
      if (found.ok()) {
        all.push_back(*found);
        shown.push_back(wanted);
      }
      if (!is_new) continue;
      todo.push_back({.file = TRY(std::move(found)), .sha256 = wanted->sha256});
      taken.push_back(wanted);
      earlier.push_back(before);
    }
    if (!is_local_) TRY(Fetch(todo, taken, all, shown, stop));
    for (size_t i = 0; i < todo.size(); ++i) {
      if (earlier[i]) TRY(OnlyWhatIsNew(todo[i], contents, *earlier[i], stop));
    }
    return reading_.Open(std::move(todo), std::move(all), stop);
  }

  SourceInfo Info() const override {
    SourceInfo info = ReadingSource::Info();
    info.removed = removed_;
    return info;
  }

  Status Acknowledge(const Position& position) override {
    TRY(ReadingSource::Acknowledge(position));
    fetched_.Remove();
    return Status::Ok();
  }

  // Validation fetches nothing.
  Result<std::optional<Schema>> Describe(Session& session, std::stop_token stop) override {
    if (!is_local_) return std::optional<Schema>();
    return ReadingSource::Describe(session, std::move(stop));
  }

  std::string SchemaKey() override {
    if (!is_local_) return "";
    Result<std::vector<FoundFile>> newest = Telling({});
    return newest.ok() ? file::ShapeKey(*newest, config_) : "";
  }

 protected:
  Result<std::vector<FoundFile>> Telling(std::stop_token) override {
    Contents contents = TRY(LoadMatching());
    places_ = TRY(FindPlaces(lake_, name_));
    std::vector<FoundFile> files;
    for (const auto& [name, versions] : contents.files) {
      if (!versions.back().removed) files.push_back(TRY(Find(contents, versions.back())));
    }
    return files;
  }

 private:
  // What the landing holds of the files that the pattern names.
  Result<Contents> LoadMatching() {
    Contents contents = TRY(Load(lake_, name_));
    if (contents.version == 0) {
      std::string closest = Closest(name_, TRY(Landings(lake_)));
      return NotFound("nothing was landed in '" + name_ + "' yet",
                      closest.empty()
                          ? "a task with `to: {landing: " + name_ + "}` brings files there"
                          : "did you mean '" + closest + "'?");
    }
    std::vector<std::string> names;
    for (const auto& [name, versions] : contents.files) names.push_back(name);
    std::erase_if(contents.files,
                  [&](const auto& each) { return !GlobMatch(pattern_, each.first); });
    if (!contents.files.empty()) return contents;
    std::string closest = Closest(pattern_, names);
    std::string there = names.empty()
                            ? "it has no files"
                            : "it has " + names.front() + (names.size() > 1 ? " and others" : "");
    return NotFound("no file of landing '" + name_ + "' matches '" + pattern_ + "'",
                    closest.empty() ? there : "did you mean '" + closest + "'?");
  }

  Result<FoundFile> Find(const Contents& contents, const LandedFile& landed) {
    std::string uri = lake_.Uri(TRY(Locate(lake_, name_, contents, places_, landed)));
    FoundFile found{FolderOf(name_) + "/" + landed.file, uri, landed.size, landed.modified};
    if (!is_local_) found.uri = std::move(uri);
    return found;
  }

  file::FetchedFiles::Wanted Wanted(FoundFile& file, const LandedFile& landed) {
    return {&file, [this, &landed](const std::string& to, std::stop_token stop) {
              return lake_.GetFile(VersionPath(name_, landed), to, landed.sha256, std::move(stop));
            }};
  }

  // Brings here what is read; where that is nothing, the smallest file, to tell the columns.
  Status Fetch(std::vector<file::ToRead>& todo, const std::vector<const LandedFile*>& taken,
               std::vector<FoundFile>& all, const std::vector<const LandedFile*>& shown,
               std::stop_token stop) {
    std::vector<file::FetchedFiles::Wanted> wanted;
    for (size_t i = 0; i < todo.size(); ++i) wanted.push_back(Wanted(todo[i].file, *taken[i]));
    if (todo.empty() && !all.empty()) {
      auto smallest = std::ranges::min_element(all, {}, &FoundFile::size);
      const LandedFile& landed = *shown[static_cast<size_t>(smallest - all.begin())];
      all = {*smallest};
      wanted.push_back(Wanted(all[0], landed));
    } else {
      all.clear();
    }
    return fetched_.Get(wanted, lake_.AtOnce(), std::move(stop));
  }

  // Where it was when it was taken before; fetched, where it lies on a server.
  Result<LocalFile> Earlier(const Contents& contents, const LandedFile& before,
                            std::stop_token stop) {
    FoundFile earlier = TRY(Find(contents, before));
    if (is_local_) return LocalFile(earlier.absolute);
    return fetched_.GetOne(Wanted(earlier, before), std::move(stop));
  }

  Status OnlyWhatIsNew(file::ToRead& each, const Contents& contents, const LandedFile& before,
                       std::stop_token stop) {
    if (before.size == 0) return Status::Ok();  // nothing was in it
    if (!before.removed && file::CanGrow(each.file.path, config_)) {
      LocalFile earlier = TRY(Earlier(contents, before, stop));
      std::optional<int64_t> skip =
          TRY(file::GrownBehind(each.file.absolute, earlier.path(), config_.compression, stop));
      if (skip) {
        each.skip = *skip;
        return Status::Ok();
      }
    }
    if (config_.rewritten == file::Rewritten::kFail) {
      return Invalid(each.file.path + " has another content than when it was taken",
                     "`rewritten: replace` reads it again and removes its earlier rows");
    }
    each.rewritten = config_.rewritten == file::Rewritten::kReplace;
    return Status::Ok();
  }

  const SourceConfig config_;
  const std::string name_, pattern_;
  Storage& lake_;
  const bool is_local_;
  Places places_;       // as they were when last looked at
  int64_t removed_ = 0;  // files of the range
  std::optional<Contents> seen_;  // by Latest()
  file::FetchedFiles fetched_;
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  return std::unique_ptr<Source>(std::make_unique<LandingSource>(config, context));
}

}  // namespace millrace::landing
