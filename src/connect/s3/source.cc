#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "connect/file/file_set.h"
#include "connect/file/reading.h"
#include "connect/s3/config.h"

namespace millrace::s3 {

namespace {

namespace fs = std::filesystem;
using file::FileSet;
using file::FoundFile;
using file::TakenFile;

struct Found {
  std::string bucket;
  S3Object object;
};
using Objects = std::map<std::string, Found>;  // by s3://bucket/key

// Its position is the set of objects taken, each by etag and size. They are fetched into the staging
// folder when the range is opened, and read there.
class S3Source final : public file::ReadingSource {
 public:
  S3Source(SourceConfig config, ConnectContext& context, std::shared_ptr<S3Client> client)
      : ReadingSource(config, context.state_folder, IdOf(config, context)),
        config_(std::move(config)),
        client_(std::move(client)),
        staging_(context.state_folder + "/staging"),
        prefix_("s3-" + Sha256Hex(IdOf(config_, context)).substr(0, 16) + "-"),
        scratch_(staging_ + "/" + prefix_ + std::to_string(::getpid())) {}
  ~S3Source() override { RemoveScratch(); }

  Status Probe(std::stop_token stop) override { return List(stop).status(); }

  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override {
    FileSet taken;
    if (begin) taken = TRY(file::ParseFileSet(*begin));
    Objects objects = TRY(List(stop));
    if (objects.empty() && taken.empty()) return NothingThere();
    FileSet now;
    for (const auto& [path, found] : objects) now[path] = Taken(found.object);
    // What is gone stays taken: should it come back, its rows must not come twice.
    now.insert(taken.begin(), taken.end());
    latest_ = file::ToPosition(now);
    return latest_;
  }

  Status Open(const Range& range, std::stop_token stop) override {
    Position end = range.end ? *range.end : TRY(Latest(range.begin, stop));
    FileSet wanted = TRY(file::ParseFileSet(end)), taken;
    if (range.begin) taken = TRY(file::ParseFileSet(*range.begin));
    Objects objects = TRY(List(stop));
    std::vector<file::ToRead> todo;
    std::vector<const Found*> to_fetch;
    for (const auto& [path, file] : wanted) {
      auto before = taken.find(path);
      if (before != taken.end() && before->second == file) continue;
      auto found = objects.find(path);
      if (found == objects.end()) return Gone(path, end, " is gone");
      if (Taken(found->second.object) != file) return Gone(path, end, " changed");
      file::ToRead each{.file = Staged(path, found->second.object, todo.size())};
      if (before != taken.end()) TRY(Rewritten(each));
      todo.push_back(std::move(each));
      to_fetch.push_back(&found->second);
    }
    std::vector<FoundFile> all;
    if (to_fetch.empty()) {
      // Nothing to read: one of those taken before tells the columns.
      auto smallest = std::ranges::min_element(
          objects, {}, [](const auto& entry) { return entry.second.object.size; });
      if (smallest == objects.end()) return NothingThere();
      all.push_back(Staged(smallest->first, smallest->second.object, 0));
      to_fetch.push_back(&smallest->second);
    }
    for (const file::ToRead& each : todo) all.push_back(each.file);
    TRY(Fetch(all, to_fetch, stop));
    return reading_.Open(std::move(todo), std::move(all), stop);
  }

  Status Acknowledge(const Position& position) override {
    TRY(ReadingSource::Acknowledge(position));
    RemoveScratch();
    return Status::Ok();
  }

  // Validation works offline.
  Result<std::optional<Schema>> Describe(Session&, std::stop_token) override {
    return std::optional<Schema>();
  }

 protected:
  Result<std::vector<FoundFile>> Telling(std::stop_token) override {
    return std::vector<FoundFile>();
  }

 private:
  static std::string IdOf(const SourceConfig& config, const ConnectContext& context) {
    return context.task + "\n" + config.endpoint + "\n" + config.bucket + "\n" +
           Join(config.path, "\n");
  }

  // The etag is of the content, or at least another one for another content.
  static TakenFile Taken(const S3Object& object) { return {object.size, Sha256Hex(object.etag)}; }

  static bool IsHidden(std::string_view key) {
    for (const std::string& part : Split(key, '/')) {
      if (part.starts_with('.') || part.starts_with('_')) return true;
    }
    return false;
  }

  Result<Objects> List(std::stop_token stop) {
    Objects objects;
    for (const std::string& path : config_.path) {
      Place place = TRY(PlaceOf(path, config_.bucket));
      size_t wild = place.key.find_first_of("*?[");
      bool folder = place.key.empty() || place.key.ends_with('/');
      S3Query query{.prefix = place.key.substr(0, wild)};
      TRY(client_->List(
          place.bucket, query,
          [&](S3Page page) {
            for (S3Object& object : page.objects) {
              bool meant = wild != place.key.npos ? GlobMatch(place.key, object.key)
                                                  : folder || object.key == place.key;
              bool marker = object.key.ends_with('/');  // how some tools say "folder"
              std::string_view below = std::string_view(object.key).substr(query.prefix.size());
              if (!meant || marker || (!config_.hidden && IsHidden(below))) continue;
              std::string uri = "s3://" + place.bucket + "/" + object.key;
              objects[uri] = {place.bucket, std::move(object)};
            }
            return Status::Ok();
          },
          stop));
    }
    return objects;
  }

  Status NothingThere() const {
    return NotFound("no object matches " + Join(config_.path, ", ") + " on " + client_->endpoint(),
                    "look at the path; millrace connections test tells whether the bucket is there");
  }

  // A range of now is taken anew with the next attempt; one that was planned before cannot be had
  // any more.
  Status Gone(const std::string& path, const Position& end, const std::string& what) const {
    if (end == latest_) {
      return {Code::kUnavailable, path + what + " since it was looked at",
              "it is taken again with the next attempt"};
    }
    return Invalid(path + what + " since this commit was planned");
  }

  Status Rewritten(file::ToRead& each) const {
    if (config_.rewritten == file::Rewritten::kFail) {
      return Invalid(each.file.path + " has another content than when it was taken",
                     "`rewritten: replace` reads it again and removes its earlier rows");
    }
    each.rewritten = config_.rewritten == file::Rewritten::kReplace;
    return Status::Ok();
  }

  // A folder each: the name of the file says its format.
  FoundFile Staged(const std::string& path, const S3Object& object, size_t number) const {
    std::string name = object.key.substr(object.key.rfind('/') + 1);
    return {path, scratch_ + "/" + std::to_string(number) + "/" + name, object.size,
            object.modified};
  }

  Status Fetch(const std::vector<FoundFile>& to, const std::vector<const Found*>& objects,
               std::stop_token stop) {
    RemoveScratch();
    SweepScratch();
    return client_->ForEach(
        to.size(),
        [&](size_t i, std::stop_token stopped) -> Status {
          const S3Object& object = objects[i]->object;
          std::error_code error;
          fs::create_directories(fs::path(to[i].absolute).parent_path(), error);
          if (error) return FromErrno("cannot make folder " + scratch_, error.value());
          return client_
              ->GetToFile(objects[i]->bucket, object.key, to[i].absolute,
                          {.size = object.size, .etag = object.etag}, stopped)
              .status();
        },
        stop);
  }

  void RemoveScratch() {
    std::error_code ignored;  // what stays is swept at the next Open
    fs::remove_all(scratch_, ignored);
  }

  // What killed processes left of this source.
  void SweepScratch() const {
    std::error_code error;
    for (fs::directory_iterator it(staging_, error), end; !error && it != end;
         it.increment(error)) {
      std::string name = it->path().filename().string();
      if (!name.starts_with(prefix_)) continue;
      pid_t process = std::atoi(name.c_str() + prefix_.size());
      std::error_code ignored;
      if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH)
        fs::remove_all(it->path(), ignored);
    }
  }

  const SourceConfig config_;
  const std::shared_ptr<S3Client> client_;
  const std::string staging_, prefix_, scratch_;
  Position latest_;  // what Latest said last
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  std::shared_ptr<S3Client> client = TRY(OpenS3(OptionsOf(config)));
  return std::unique_ptr<Source>(
      std::make_unique<S3Source>(config, context, std::move(client)));
}

}  // namespace millrace::s3
