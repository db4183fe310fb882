#include <algorithm>
#include <map>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "connect/file/fetched_files.h"
#include "connect/file/file_set.h"
#include "connect/file/reading.h"
#include "connect/s3/config.h"

namespace millrace::s3 {

namespace {

using file::FileSet;
using file::FoundFile;
using file::TakenFile;

struct Found {
  std::string bucket;
  S3Object object;
};
using Objects = std::map<std::string, Found>;  // by s3://bucket/key

// Its position is the set of objects taken, each by etag and size. They are fetched when their rows
// are asked for, and read here; for a sink that takes files, one after another, if it asks at all.
class S3Source final : public file::ReadingSource {
 public:
  S3Source(SourceConfig config, ConnectContext& context, std::shared_ptr<S3Client> client)
      : ReadingSource(config, context.state_folder, IdOf(config, context)),
        config_(std::move(config)),
        client_(std::move(client)),
        fetched_(context.state_folder, IdOf(config_, context)),
        positions_(context.lake.storage(), IdOf(config_, context), context.env.clock,
                   context.planning || context.run.empty()) {}

  Status Probe(std::stop_token stop) override {
    return TRY(List(stop)).empty() ? NothingThere() : Status::Ok();
  }

  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override {
    FileSet taken;
    if (begin) taken = TRY(positions_.Parse(*begin));
    Objects objects = TRY(List(stop));
    if (objects.empty() && taken.empty()) return NothingThere();
    FileSet now;
    for (const auto& [path, found] : objects) now[path] = Taken(found.object);
    // What is gone stays taken: should it come back, its rows must not come twice.
    now.insert(taken.begin(), taken.end());
    latest_ = TRY(positions_.Print(now, begin));
    return latest_;
  }

  Status Open(const Range& range, std::stop_token stop) override {
    Position end = range.end ? *range.end : TRY(Latest(range.begin, stop));
    FileSet wanted = TRY(positions_.Parse(end)), taken;
    if (range.begin) taken = TRY(positions_.Parse(*range.begin));
    Objects objects = TRY(List(stop));
    todo_.clear();
    all_.clear();
    opened_.clear();
    info_ = {.bytes = 0};
    for (const auto& [path, file] : wanted) {
      auto before = taken.find(path);
      if (before != taken.end() && before->second == file) continue;
      auto found = objects.find(path);
      if (found == objects.end()) return Gone(path, end, " is gone");
      const S3Object& object = found->second.object;
      if (Taken(object) != file) return Gone(path, end, " changed");
      file::ToRead each{.file = FileOf(path, object)};
      if (before != taken.end()) TRY(Rewritten(each));
      info_.bytes += object.size;
      info_.files.push_back({path, object.size, object.modified, ""});
      if (each.rewritten) info_.rewritten.push_back(path);
      todo_.push_back(std::move(each));
      opened_.insert(*found);
    }
    if (todo_.empty()) {
      // Nothing to read: one of those taken before tells the columns.
      auto smallest = std::ranges::min_element(
          objects, {}, [](const auto& entry) { return entry.second.object.size; });
      if (smallest == objects.end()) return NothingThere();
      all_.push_back(FileOf(smallest->first, smallest->second.object));
      opened_.insert(*smallest);
    }
    stop_ = stop;
    return Status::Ok();
  }

  Result<std::optional<Sql>> NativeScan(Session& session) override {
    std::vector<file::FetchedFiles::Wanted> wanted;
    for (file::ToRead& each : todo_) wanted.push_back(Wanted(each.file));
    for (FoundFile& each : all_) wanted.push_back(Wanted(each));
    auto at_once = static_cast<size_t>(client_->options().connections);
    TRY(fetched_.Get(wanted, at_once, stop_));
    TRY(reading_.Open(todo_, all_, stop_));
    return reading_.Scan(session);
  }

  SourceInfo Info() const override { return info_; }

  Result<std::optional<ServerFile>> OnServer(const SourceFile& file,
                                             std::stop_token stop) override {
    const Found& found = opened_.at(file.path);
    S3Info now = TRY(client_->Head(found.bucket, found.object.key, std::move(stop)));
    if (now.etag != found.object.etag) {
      return Status(Code::kUnavailable, file.path + " changed since it was looked at",
                    "it is taken again with the next attempt");
    }
    return std::optional<ServerFile>(
        {client_->endpoint(), found.bucket, now.key, now.size, now.etag, now.Sha256()});
  }

  Result<LocalFile> FetchFile(const SourceFile& file, std::stop_token stop) override {
    FoundFile found = FileOf(file.path, opened_.at(file.path).object);
    return fetched_.GetOne(Wanted(found), std::move(stop));
  }

  Status Acknowledge(const Position& position) override {
    TRY(ReadingSource::Acknowledge(position));
    fetched_.Remove();
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
                    "look at the path; `millrace connections test` tells whether its bucket is "
                    "there");
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

  static FoundFile FileOf(const std::string& path, const S3Object& object) {
    return {path, "", object.size, object.modified, path};
  }

  file::FetchedFiles::Wanted Wanted(FoundFile& file) {
    const Found& found = opened_.at(file.path);
    return {&file, [this, &found](const std::string& to, std::stop_token stop) {
              const S3Object& object = found.object;
              return client_
                  ->GetToFile(found.bucket, object.key, to,
                              {.size = object.size, .etag = object.etag}, std::move(stop))
                  .status();
            }};
  }

  const SourceConfig config_;
  const std::shared_ptr<S3Client> client_;
  Position latest_;  // what Latest said last
  // Of the opened range.
  std::vector<file::ToRead> todo_;
  std::vector<FoundFile> all_;  // that tell the columns when there is nothing to read
  Objects opened_;              // both
  SourceInfo info_;
  std::stop_token stop_;
  file::FetchedFiles fetched_;
  file::FilePositions positions_;
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  std::shared_ptr<S3Client> client = TRY(OpenS3(OptionsOf(config)));
  return std::unique_ptr<Source>(
      std::make_unique<S3Source>(config, context, std::move(client)));
}

}  // namespace millrace::s3
