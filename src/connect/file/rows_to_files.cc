#include "connect/file/rows_to_files.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/failpoint.h"
#include "base/file_copy.h"
#include "base/hash.h"
#include "base/scratch_folder.h"
#include "base/text.h"
#include "config/json.h"

namespace millrace::file {

namespace {

namespace fs = std::filesystem;

class FilesSink final : public Sink {
 public:
  FilesSink(SinkConfig config, FilesPlace place, ConnectContext& context)
      : config_(std::move(config)),
        place_(std::move(place)),
        storage_(*place_.storage),
        is_local_(IsLocal(storage_, "")),
        now_(context.env.clock),
        id_(Sha256Hex(context.task + "\n" + config_.path).substr(0, 12)),
        scratch_(context.state_folder + "/staging", place_.connector + "-" + id_ + "-") {}

  ~FilesSink() override { Discard(); }

  Status Probe(std::stop_token stop) override { return place_.probe(std::move(stop)); }

  Result<std::optional<Committed>> LastCommit(std::string_view task,
                                              std::stop_token stop) override {
    std::stop_callback pass_on(stop, [this] { place_.stop.request_stop(); });
    Result<std::string> text = storage_.Read(MemoryPath());
    if (text.code() == Code::kNotFound) return std::optional<Committed>();
    if (!text.ok()) return text.status();
    try {
      Json json = Json::parse(*text);
      if (json.at("task") != std::string(task)) return std::optional<Committed>();
      return std::optional<Committed>({json.at("sequence"), json.at("position")});
    } catch (const std::exception& error) {
      return Invalid(storage_.Uri(MemoryPath()) + " cannot be read: " + error.what(),
                     "remove it; then the last commit is written again");
    }
  }

  Status Open(const Schema&, const WriteIntent& intent, std::stop_token stop) override {
    std::stop_callback pass_on(stop, [this] { place_.stop.request_stop(); });
    refresh_ = intent.refresh;
    if (is_local_) {
      SweepAside();
      TRY(storage_.MakeFolder(""));
      aside_ = "." + place_.name + "." + id_ + "-" + std::to_string(::getpid()) + ".tmp";
      written_to_ = storage_.Uri(aside_);
      return Status::Ok();
    }
    std::string ours = config_.mode == SinkMode::kReplace ? place_.name : PartPrefix();
    TRY(storage_.RemoveUnfinished(ours, now_.Now() - place_.unfinished));
    TRY(scratch_.Make());
    written_to_ = scratch_.path() + "/rows" + EndingOf(config_);
    return Status::Ok();
  }

  Status Write(const Rows&, std::stop_token) override {
    return Internal("rows for a file are written by the engine, through WriteFrom");
  }

  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override {
    if (written_to_.empty()) return Internal("WriteFrom before Open");
    WriteCount count;
    count.rows = TRY(session.WriteFile(rows, written_to_, EngineFormat(config_),
                                        WriterOptions(config_), stop));
    if (is_local_) {
      TRY(storage_.Sync({aside_}));
      count.bytes = TRY(storage_.Stat(aside_)).size;
    } else {
      Copied read = TRY(CopyFile(written_to_, "", std::move(stop)));
      sha256_ = std::move(read.sha256);
      count.bytes = read.size;
    }
    written_ = true;
    rows_ = count.rows;
    return count;
  }

  Status Commit(const CommitInfo& commit, std::stop_token stop) override {
    std::stop_callback pass_on(stop, [this] { place_.stop.request_stop(); });
    std::optional<Committed> last = TRY(LastCommit(commit.id.task, stop));
    if (last && last->sequence >= commit.id.sequence) {
      Discard();
      return Status::Ok();
    }
    if (!written_) return Internal("Commit before WriteFrom");
    std::string name = FinalName(commit.id);
    if (refresh_ && config_.mode == SinkMode::kAppend) TRY(RemoveEarlier(name));
    if (rows_ > 0 || config_.mode == SinkMode::kReplace) TRY(PutUnder(name, stop));
    Json json = {{"task", commit.id.task},
                 {"sequence", commit.id.sequence},
                 {"file", name},
                 {"position", commit.position}};
    TRY(storage_.Put(MemoryPath(),
                     json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
    Discard();
    return Failpoint(place_.connector + ".remember.after");
  }

  std::string Target() const override { return config_.path; }

 private:
  Status PutUnder(const std::string& name, std::stop_token stop) {
    TRY(Failpoint(place_.connector + ".put.before"));
    TRY(is_local_ ? storage_.Rename(aside_, name)
                  : storage_.PutFile(name, written_to_, sha256_, stop));
    return Failpoint(place_.connector + ".put.after");
  }

  std::string MemoryPath() const { return ".millrace-commits/" + id_ + ".json"; }

  // Made of the commit, where each has a file: written twice it is still one file.
  std::string FinalName(const CommitId& id) const {
    if (config_.mode == SinkMode::kReplace) return place_.name;
    return PartPrefix() + std::to_string(id.sequence) + PartEnding();
  }
  std::string PartPrefix() const {
    std::string name = place_.name;
    std::string ending = EndingOf(config_);
    if (name.empty()) name = "part";
    if (ToLower(name).ends_with(ending)) name.resize(name.size() - ending.size());
    return name + "-" + id_ + "-";
  }
  std::string PartEnding() const { return EndingOf(config_); }

  // Everything is read again: what earlier commits of this task brought goes.
  Status RemoveEarlier(const std::string& except) {
    for (const FileInfo& file : TRY(storage_.List(""))) {
      if (file.path.starts_with(PartPrefix()) && file.path != except)
        TRY(storage_.Remove(file.path));
    }
    return Status::Ok();
  }

  // What stays is swept at the next Open.
  void Discard() {
    if (!aside_.empty()) (void)storage_.Remove(aside_);
    if (!is_local_) scratch_.Remove();
    aside_.clear();
    written_ = false;
  }

  // What killed processes left of this sink.
  void SweepAside() {
    std::string mark = "." + id_ + "-";
    std::error_code error;
    for (fs::directory_iterator it(storage_.Uri(""), error), end; !error && it != end;
         it.increment(error)) {
      std::string name = it->path().filename().string();
      size_t at = name.rfind(mark);
      if (!name.starts_with('.') || !name.ends_with(".tmp") || at == name.npos) continue;
      pid_t process = std::atoi(name.c_str() + at + mark.size());
      if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH)
        (void)storage_.Remove(name).ok();
    }
  }

  const SinkConfig config_;
  FilesPlace place_;
  Storage& storage_;
  const bool is_local_;
  Clock& now_;
  const std::string id_;    // of this task's writing to this path
  ScratchFolder scratch_;   // elsewhere than here: the file, until it is uploaded
  bool refresh_ = false;
  std::string aside_;       // here: its name in the folder; "" before Open
  std::string written_to_;  // absolute
  std::string sha256_;
  bool written_ = false;
  int64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<Sink> WriteFiles(const SinkConfig& config, FilesPlace place,
                                 ConnectContext& context) {
  return std::make_unique<FilesSink>(config, std::move(place), context);
}

}  // namespace millrace::file
