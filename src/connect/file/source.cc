#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "connect/file/file_set.h"
#include "connect/file/fingerprints.h"
#include "connect/file/growth.h"
#include "connect/file/listing.h"
#include "connect/file/reading.h"
#include "connect/file/shape_memory.h"
#include "connect/file/source_config.h"

namespace millrace::file {

namespace {

// Its position is the set of files taken, by content. A file that grew gives its new rows; one that
// has another content is read whole.
class FileSource final : public ReadingSource {
 public:
  FileSource(SourceConfig config, ConnectContext& context)
      : ReadingSource(config, context.state_folder, context.task + "\n" + Join(config.path, "\n")),
        config_(std::move(config)),
        list_{context.folder, config_.path, config_.hidden},
        id_(context.task + "\n" + Join(config_.path, "\n")),
        fingerprints_(context.state_folder + "/fingerprints/" + Sha256Hex(id_).substr(0, 16),
                      context.env),
        positions_(context.lake.storage(), id_, context.env.clock,
                   context.planning || context.run.empty()),
        removes_(!config_.keep && !context.repeating) {}

  Status Probe(std::stop_token stop) override {
    for (const FoundFile& file : TRY(ListFiles(list_, stop))) {
      if (::access(file.absolute.c_str(), R_OK) != 0)
        return FromErrno("cannot read " + file.absolute, errno);
    }
    return Status::Ok();
  }

  Result<Position> Latest(const std::optional<Position>& begin, std::stop_token stop) override {
    FileSet before;
    if (begin) before = TRY(positions_.Parse(*begin));
    std::vector<FoundFile> found = TRY(List(!before.empty() || !config_.keep, stop));
    FileSet now = TRY(fingerprints_.Of(found, stop));
    // Files that are gone stay taken: should they come back, their rows must not come twice.
    now.insert(before.begin(), before.end());
    latest_ = TRY(positions_.Print(now, begin));
    return latest_;
  }

  Status Open(const Range& range, std::stop_token stop) override {
    Position end = range.end ? *range.end : TRY(Latest(range.begin, stop));
    FileSet wanted = TRY(positions_.Parse(end)), taken;
    if (range.begin) taken = TRY(positions_.Parse(*range.begin));
    std::vector<FoundFile> found = TRY(List(/*may_be_none=*/true, stop));
    FileSet now = TRY(fingerprints_.Of(found, stop));
    std::vector<ToRead> todo;
    std::vector<FoundFile> all;
    for (const auto& [path, file] : wanted) {
      auto place = std::ranges::lower_bound(found, path, {}, &FoundFile::path);
      if (place != found.end() && place->path != path) place = found.end();
      if (place != found.end()) all.push_back(*place);
      auto before = taken.find(path);
      if (before != taken.end() && before->second == file) continue;
      if (place == found.end()) return Gone(path, end, " is gone");
      ToRead each{.file = *place, .sha256 = file.sha256};
      if (now.at(path) != file) TRY(OnlyTheBeginning(each, file, end, stop));
      if (before != taken.end()) TRY(OnlyWhatIsNew(each, before->second, stop));
      todo.push_back(std::move(each));
    }
    return reading_.Open(std::move(todo), std::move(all), stop);
  }

  Status Acknowledge(const Position& position) override {
    TRY(ReadingSource::Acknowledge(position));
    return removes_ ? RemoveTaken(position) : Status::Ok();
  }

  std::string SchemaKey() override {
    Result<std::vector<FoundFile>> found = ListFiles(list_, {});
    return found.ok() ? ShapeKey(*found, config_) : "";
  }

 protected:
  Result<std::vector<FoundFile>> Telling(std::stop_token stop) override {
    return ListFiles(list_, stop);
  }

 private:
  Result<std::vector<FoundFile>> List(bool may_be_none, std::stop_token stop) const {
    Result<std::vector<FoundFile>> found = ListFiles(list_, stop);
    if (!found.ok() && found.code() == Code::kNotFound && may_be_none)
      return std::vector<FoundFile>();
    return found;
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

  // The file is not what the range says: if it went on growing, what was planned is still its
  // beginning.
  Status OnlyTheBeginning(ToRead& each, const TakenFile& planned, const Position& end,
                          std::stop_token stop) const {
    bool plain = CanGrow(each.file.path, config_) && TRY(IsPlain(each.file.absolute));
    if (!plain || each.file.size < planned.size) return Gone(each.file.path, end, " changed");
    Result<std::string> hash = HashPrefix(each.file.absolute, planned.size, stop);
    if (!hash.ok()) return hash.status();
    if (*hash != planned.sha256) return Gone(each.file.path, end, " changed");
    each.upto = planned.size;
    each.file.size = planned.size;
    return Status::Ok();
  }

  // Only what is still as it was taken: the rest comes with the next commit.
  Status RemoveTaken(const Position& position) {
    FileSet taken = TRY(positions_.Parse(position));
    std::vector<FoundFile> found = TRY(List(/*may_be_none=*/true, {}));
    FileSet now = TRY(fingerprints_.Of(found, {}));
    for (const FoundFile& file : found) {
      auto known = taken.find(file.path);
      if (known == taken.end() || known->second != now.at(file.path)) continue;
      if (::unlink(file.absolute.c_str()) != 0 && errno != ENOENT)
        return FromErrno("cannot remove " + file.absolute, errno);
    }
    return Status::Ok();
  }

  Status OnlyWhatIsNew(ToRead& each, const TakenFile& before, std::stop_token stop) const {
    if (before.size == 0) return Status::Ok();  // nothing was in it
    if (CanGrow(each.file.path, config_) && TRY(IsPlain(each.file.absolute))) {
      if (std::optional<int64_t> skip = TRY(GrownBehind(each.file.absolute, before, stop))) {
        each.skip = *skip;
        return Status::Ok();
      }
    }
    if (config_.rewritten == Rewritten::kFail) {
      return Invalid(each.file.path + " has another content than when it was taken",
                     "`rewritten: replace` reads it again and removes its earlier rows");
    }
    each.rewritten = config_.rewritten == Rewritten::kReplace;
    return Status::Ok();
  }

  Result<bool> IsPlain(const std::string& path) const {
    if (config_.compression != Compression::kAuto) return config_.compression == Compression::kNone;
    return TRY(DetectCompression(path)) == Compression::kNone;
  }

  const SourceConfig config_;
  const ListOptions list_;
  const std::string id_;
  Fingerprints fingerprints_;
  FilePositions positions_;
  const bool removes_;  // what is committed
  Position latest_;  // what Latest said last
};

}  // namespace

Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context) {
  return std::unique_ptr<Source>(std::make_unique<FileSource>(config, context));
}

}  // namespace millrace::file
