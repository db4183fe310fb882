#include "connect/rest/stage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/failpoint.h"
#include "base/storage.h"
#include "base/text.h"

namespace millrace::rest {

namespace {

namespace fs = std::filesystem;

constexpr int64_t kPart = 64 << 20;  // bytes of lines
constexpr int64_t kMostHead = 1 << 20, kMostMembersFile = int64_t{1} << 30;

Result<Descriptor> OpenFile(const std::string& path, int flags) {
  Descriptor file(::open(path.c_str(), flags | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return FromErrno("cannot open " + path, errno);
  return file;
}

Json ToJson(const FetchHead& head) {
  return {{"run", head.run},
          {"definition", head.definition},
          {"begin", head.begin},
          {"process", head.process},
          {"began", FormatTime(head.began)},
          {"complete", head.complete},
          {"passed_over", head.passed_over},
          {"position", head.position},
          {"records", head.records},
          {"bytes", head.bytes},
          {"rejected", head.rejected}};
}

Result<FetchHead> HeadFromJson(const std::string& text) {
  try {
    Json json = Json::parse(text);
    FetchHead head{.run = json.at("run").get<std::string>(),
                   .definition = json.at("definition").get<std::string>(),
                   .begin = json.at("begin").get<std::string>(),
                   .process = json.at("process").get<int64_t>(),
                   .began = TRY(ParseTime(json.at("began").get<std::string>())),
                   .complete = json.at("complete").get<bool>(),
                   .passed_over = json.at("passed_over").get<bool>(),
                   .position = json.at("position").get<std::string>(),
                   .records = json.at("records").get<int64_t>(),
                   .bytes = json.at("bytes").get<int64_t>(),
                   .rejected = json.at("rejected").get<int64_t>()};
    return head;
  } catch (const Json::exception& error) {
    return NotFound(std::string("not the head of a fetch: ") + error.what());
  }
}

Json ToJson(const StagedPage& page) {
  Json frames = Json::array();
  for (const Frame& frame : page.frames) frames.push_back({frame.bytes, frame.lines_bytes});
  Json json = {{"m", page.member}, {"p", page.number}, {"q", page.request}, {"l", page.lane},
               {"o", page.offset}, {"f", frames},      {"r", page.records}, {"h", page.sha256}};
  if (page.next) json["n"] = *page.next;
  if (page.cursor) json["c"] = *page.cursor;
  if (!page.etag.empty()) json["e"] = page.etag;
  if (!page.modified.empty()) json["d"] = page.modified;
  return json;
}

StagedPage PageFromJson(const Json& json) {
  StagedPage page{.member = json.at("m").get<size_t>(),
                  .number = json.at("p").get<int64_t>(),
                  .request = json.at("q").get<std::string>(),
                  .lane = json.at("l").get<int>(),
                  .offset = json.at("o").get<int64_t>(),
                  .records = json.at("r").get<int64_t>(),
                  .sha256 = json.at("h").get<std::string>(),
                  .etag = json.value("e", ""),
                  .modified = json.value("d", "")};
  for (const Json& frame : json.at("f"))
    page.frames.push_back({frame.at(0).get<int64_t>(), frame.at(1).get<int64_t>()});
  if (json.contains("n")) page.next = json["n"].get<std::string>();
  if (json.contains("c")) page.cursor = json["c"].get<std::string>();
  return page;
}

Json ToJson(const std::vector<Member>& members) {
  Json json = Json::array();
  for (const Member& member : members) json.push_back({member.values, member.prefix});
  return json;
}

}  // namespace

int64_t BytesOf(const StagedPage& page) {
  int64_t bytes = 0;
  for (const Frame& frame : page.frames) bytes += frame.bytes;
  return bytes;
}

Result<FetchHead> Stage::Look(const std::string& folder) {
  return HeadFromJson(TRY(OpenLocalStorage(folder)->Read("fetch.json", kMostHead)));
}

Result<std::unique_ptr<Stage>> Stage::Create(const std::string& folder, FetchHead head,
                                             std::vector<Member> members, int lanes) {
  TRY(Remove(folder));
  std::unique_ptr<Stage> stage(new Stage(folder));
  stage->head_ = std::move(head);
  stage->members_ = std::move(members);
  auto storage = OpenLocalStorage(folder);
  TRY(storage->Put("members.json", ToJson(stage->members_).dump()));
  TRY(stage->OpenFiles(lanes));
  TRY(stage->WriteHead());  // the last: what has a head is whole
  return stage;
}

Result<std::unique_ptr<Stage>> Stage::Resume(const std::string& folder, int lanes) {
  std::unique_ptr<Stage> stage(new Stage(folder));
  stage->head_ = TRY(Look(folder));
  TRY(stage->Load());
  if (stage->head_.complete) return stage;
  int most = lanes;
  for (const StagedPage& page : stage->pages_) most = std::max(most, page.lane + 1);
  TRY(stage->OpenFiles(most));
  TRY(stage->Truncate());
  stage->sample_.Restore(stage->sample_path());
  return stage;
}

Status Stage::Load() {
  std::string text = TRY(OpenLocalStorage(folder_)->Read("members.json", kMostMembersFile));
  try {
    for (const Json& each : Json::parse(text)) {
      members_.push_back(
          {each.at(0).get<std::map<std::string, std::string>>(), each.at(1).get<std::string>()});
    }
    std::ifstream journal(folder_ + "/pages.ndjson");
    for (std::string line; std::getline(journal, line) && !journal.eof();) {
      Json json = Json::parse(line);
      if (json.contains("x")) {
        given_up_.push_back({json.at("m").get<size_t>(), json.at("x").get<std::string>(),
                             json.at("u").get<std::string>()});
      } else {
        pages_.push_back(PageFromJson(json));
      }
    }
  } catch (const Json::exception& error) {
    return NotFound("the stage in " + folder_ + " is damaged: " + error.what());
  }
  return Status::Ok();
}

Status Stage::OpenFiles(int lanes) {
  journal_ = TRY(OpenFile(folder_ + "/pages.ndjson", O_WRONLY | O_APPEND));
  sample_file_ = TRY(OpenFile(sample_path(), O_WRONLY | O_APPEND));
  for (int lane = 0; lane < lanes; ++lane)
    lanes_.push_back({TRY(OpenFile(LanePath(lane), O_RDWR | O_APPEND))});
  return Status::Ok();
}

// What was written and not noted when the process ended: half a page, half a line.
Status Stage::Truncate() {
  for (const StagedPage& page : pages_) {
    Lane& lane = lanes_[static_cast<size_t>(page.lane)];
    lane.end = std::max(lane.end, page.offset + BytesOf(page));
  }
  for (Lane& lane : lanes_) {
    struct stat info;
    if (::fstat(lane.file.get(), &info) != 0 || info.st_size < lane.end)
      return NotFound("the stage in " + folder_ + " lacks rows");
    if (::ftruncate(lane.file.get(), lane.end) != 0)
      return FromErrno("cannot shorten a file in " + folder_, errno);
  }
  std::string path = folder_ + "/pages.ndjson";
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  int64_t whole = in.tellg();
  for (char c = 0; whole > 0; --whole) {
    in.seekg(whole - 1);
    in.get(c);
    if (c == '\n') break;
  }
  if (::truncate(path.c_str(), whole) != 0) return FromErrno("cannot shorten " + path, errno);
  return Status::Ok();
}

Status Stage::WriteHead() {
  return OpenLocalStorage(folder_)->Put("fetch.json", ToJson(head_).dump());
}

Status Stage::Own(const std::string& run, int64_t process) {
  if (head_.run == run && head_.process == process) return Status::Ok();
  head_.run = run;
  head_.process = process;
  return WriteHead();
}

Status Stage::PassOver() {
  head_.passed_over = true;
  return WriteHead();
}

std::string Stage::LanePath(int lane) const {
  return folder_ + "/rows-" + std::to_string(lane) + ".ndjson.zst";
}

Status Stage::Append(const Json& line) {
  return WriteAll(journal_.get(), line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                  folder_ + "/pages.ndjson");
}

Status Stage::Note(StagedPage page, const PageSummary& summary) {
  TRY(Failpoint("rest.stage.Note.before"));
  std::lock_guard lock(mutex_);
  Lane& lane = lanes_[static_cast<size_t>(page.lane)];
  page.offset = lane.end;
  page.frames = summary.frames;
  page.records = summary.records;
  page.sha256 = summary.sha256;
  page.cursor = summary.cursor;
  if (!summary.sample.empty()) TRY(WriteAll(sample_file_.get(), summary.sample, sample_path()));
  TRY(Append(ToJson(page)));
  lane.end += BytesOf(page);
  pages_.push_back(std::move(page));
  return Failpoint("rest.stage.Note.after");
}

Status Stage::Undo(int number) {
  std::lock_guard lock(mutex_);
  Lane& lane = lanes_[static_cast<size_t>(number)];
  if (::ftruncate(lane.file.get(), lane.end) == 0) return Status::Ok();
  return FromErrno("cannot shorten " + LanePath(number), errno);
}

Status Stage::NoteGivenUp(GivenUp given_up) {
  std::lock_guard lock(mutex_);
  TRY(Append({{"m", given_up.member}, {"x", given_up.reason}, {"u", given_up.url}}));
  given_up_.push_back(std::move(given_up));
  return Status::Ok();
}

// Parts of a size that several threads have work; none ends inside a frame.
Status Stage::Merge() {
  std::sort(pages_.begin(), pages_.end(), [](const StagedPage& a, const StagedPage& b) {
    return std::pair(a.member, a.number) < std::pair(b.member, b.number);
  });
  std::error_code error;
  fs::remove_all(folder_ + "/rows", error);  // of a process that ended here
  fs::create_directories(folder_ + "/rows", error);
  if (error) return FromErrno("cannot make folder " + folder_ + "/rows", error.value());
  Descriptor out;
  int64_t room = 0;
  int parts = 0;
  for (const StagedPage& page : pages_) {
    int64_t from = page.offset;
    for (const Frame& frame : page.frames) {
      if (room <= 0) {
        char name[32];
        std::snprintf(name, sizeof name, "/rows/%06d.ndjson.zst", parts++);
        out = TRY(OpenFile(folder_ + name, O_WRONLY | O_TRUNC));
        room = kPart;
      }
      room -= frame.lines_bytes;
      TRY(Copy(LaneFile(page.lane), from, frame.bytes, out.get()));
    }
  }
  return Status::Ok();
}

Status Stage::Copy(int in, int64_t& from, int64_t bytes, int out) const {
  while (bytes > 0) {
    ssize_t copied = ::copy_file_range(in, &from, out, nullptr, static_cast<size_t>(bytes), 0);
    if (copied <= 0) return FromErrno("cannot copy rows in " + folder_, copied < 0 ? errno : EIO);
    bytes -= copied;
  }
  return Status::Ok();
}

std::vector<std::string> Stage::RowsPaths() const {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(folder_ + "/rows", error), end; !error && it != end;
       it.increment(error))
    paths.push_back(it->path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

Status Stage::Complete(const std::string& position) {
  TRY(Failpoint("rest.stage.Complete.before"));
  TRY(Merge());
  auto storage = OpenLocalStorage(folder_);
  std::vector<std::string> files = {"sample.ndjson", "pages.ndjson"};
  for (const std::string& path : RowsPaths()) files.push_back(path.substr(folder_.size() + 1));
  TRY(storage->Sync(files));
  for (const StagedPage& page : pages_) {
    head_.records += page.records;
    head_.bytes += BytesOf(page);
  }
  head_.rejected = static_cast<int64_t>(given_up_.size());
  head_.complete = true;
  head_.position = position;
  TRY(WriteHead());
  for (size_t lane = 0; lane < lanes_.size(); ++lane) {
    lanes_[lane].file.Close();
    std::error_code ignored;
    fs::remove(LanePath(static_cast<int>(lane)), ignored);
  }
  return Failpoint("rest.stage.Complete.after");
}

Status Stage::Remove(const std::string& folder) {
  std::error_code error;
  fs::remove(folder + "/fetch.json", error);  // the first: half a stage is none
  fs::remove_all(folder, error);
  return error ? FromErrno("cannot remove " + folder, error.value()) : Status::Ok();
}

}  // namespace millrace::rest
