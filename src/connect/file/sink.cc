#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/text.h"
#include "config/json.h"
#include "connect/file/sink_config.h"

namespace millrace::file {

namespace {

namespace fs = std::filesystem;

// Rows are written aside, beside their place, and put there by a rename. What was committed last is
// remembered in a hidden file next to it. Killed between the two, the commit comes again, with the
// same rows, under the same name: so one id counts once.
class FileSink final : public Sink {
 public:
  FileSink(SinkConfig config, ConnectContext& context)
      : config_(std::move(config)),
        task_(context.task),
        path_((fs::path(context.folder) / config_.path).lexically_normal()),
        storage_(OpenLocalStorage(path_.parent_path().string())),
        id_(Sha256Hex(task_ + "\n" + config_.path).substr(0, 12)) {}

  ~FileSink() override { Discard(); }

  Status Probe(std::stop_token) override {
    fs::path folder = path_.parent_path();  // or the first of those above it that is there
    std::error_code error;
    while (folder.has_parent_path() && folder != folder.parent_path() &&
           !fs::exists(folder, error)) {
      folder = folder.parent_path();
    }
    if (::access(folder.c_str(), W_OK | X_OK) == 0) return Status::Ok();
    return FromErrno("cannot write into " + folder.string(), errno);
  }

  Result<std::optional<Committed>> LastCommit(std::string_view task, std::stop_token) override {
    Result<std::string> text = storage_->Read(MemoryPath());
    if (text.code() == Code::kNotFound) return std::optional<Committed>();
    if (!text.ok()) return text.status();
    try {
      Json json = Json::parse(*text);
      if (json.at("task") != std::string(task)) return std::optional<Committed>();
      return std::optional<Committed>({json.at("sequence"), json.at("position")});
    } catch (const std::exception& error) {
      return Invalid(storage_->Uri(MemoryPath()) + " cannot be read: " + error.what(),
                     "remove it; then the last commit is written again");
    }
  }

  Status Open(const Schema&, const WriteIntent& intent, std::stop_token) override {
    SweepAside();
    refresh_ = intent.refresh;
    TRY(storage_->MakeFolder(""));
    std::string name =
        "." + path_.filename().string() + "." + id_ + "-" + std::to_string(::getpid()) + ".tmp";
    aside_ = std::move(name);
    return Status::Ok();
  }

  Status Write(const Rows&, std::stop_token) override {
    return Internal("rows for a file are written by the engine, through WriteFrom");
  }

  Result<WriteCount> WriteFrom(Session& session, const Sql& rows, std::stop_token stop) override {
    if (aside_.empty()) return Internal("WriteFrom before Open");
    WriteCount count;
    count.rows =
        TRY(session.WriteFile(rows, storage_->Uri(aside_), EngineFormat(config_), Options(), stop));
    TRY(storage_->Sync({aside_}));
    count.bytes = TRY(storage_->Stat(aside_)).size;
    written_ = true;
    return count;
  }

  Status Commit(const CommitInfo& commit, std::stop_token stop) override {
    std::optional<Committed> last = TRY(LastCommit(commit.id.task, stop));
    if (last && last->sequence >= commit.id.sequence) {
      Discard();
      return Status::Ok();
    }
    if (!written_) return Internal("Commit before WriteFrom");
    std::string name = FinalName(commit.id);
    if (refresh_ && config_.mode == SinkMode::kAppend) TRY(RemoveEarlier(name));
    TRY(Failpoint("file.rename.before"));
    TRY(storage_->Rename(aside_, name));
    TRY(Failpoint("file.rename.after"));
    written_ = false;
    Json json = {{"task", commit.id.task},
                 {"sequence", commit.id.sequence},
                 {"file", name},
                 {"position", commit.position}};
    TRY(storage_->Put(MemoryPath(),
                      json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
    return Failpoint("file.remember.after");
  }

  std::string Target() const override { return config_.path; }

 private:
  std::string MemoryPath() const { return ".millrace-commits/" + id_ + ".json"; }

  // Made of the commit, where each has a file: written twice it is still one file.
  std::string FinalName(const CommitId& id) const {
    if (config_.mode == SinkMode::kReplace) return path_.filename().string();
    return PartPrefix() + std::to_string(id.sequence) + PartEnding();
  }
  std::string PartPrefix() const {
    std::string name = path_.filename().string();
    std::string ending = EndingOf(config_);
    if (name.empty()) name = "part";
    if (ToLower(name).ends_with(ending)) name.resize(name.size() - ending.size());
    return name + "-" + id_ + "-";
  }
  std::string PartEnding() const { return EndingOf(config_); }

  std::map<std::string, std::string> Options() const {
    std::map<std::string, std::string> options;
    if (config_.format == SinkFormat::kCsv) {
      options = {{"header", config_.header ? "true" : "false"},
                 {"delimiter", config_.delimiter},
                 {"nullstr", config_.null_text}};
    }
    bool parquet = config_.format == SinkFormat::kParquet;
    switch (config_.compression) {
      case SinkCompression::kGzip: options["compression"] = "gzip"; break;
      case SinkCompression::kZstd: options["compression"] = "zstd"; break;
      default: options["compression"] = parquet ? "uncompressed" : "none";
    }
    return options;
  }

  // Everything is read again: what earlier commits of this task brought goes.
  Status RemoveEarlier(const std::string& except) {
    std::error_code error;
    for (fs::directory_iterator it(path_.parent_path(), error), end; !error && it != end;
         it.increment(error)) {
      std::string name = it->path().filename().string();
      if (name.starts_with(PartPrefix()) && name != except) TRY(storage_->Remove(name));
    }
    return Status::Ok();
  }

  void Discard() {
    if (!aside_.empty())
      (void)storage_->Remove(aside_).ok();  // what stays is swept at the next Open
    aside_.clear();
    written_ = false;
  }

  // What killed processes left of this sink.
  void SweepAside() {
    std::string mark = "." + id_ + "-";
    std::error_code error;
    for (fs::directory_iterator it(path_.parent_path(), error), end; !error && it != end;
         it.increment(error)) {
      std::string name = it->path().filename().string();
      size_t at = name.rfind(mark);
      if (!name.starts_with('.') || !name.ends_with(".tmp") || at == name.npos) continue;
      pid_t process = std::atoi(name.c_str() + at + mark.size());
      if (process > 0 && ::kill(process, 0) != 0 && errno == ESRCH)
        (void)storage_->Remove(name).ok();
    }
  }

  const SinkConfig config_;
  const std::string task_;
  const fs::path path_;                     // absolute
  const std::unique_ptr<Storage> storage_;  // its folder
  const std::string id_;                    // of this task's writing to this path
  bool refresh_ = false;
  std::string aside_;  // name in the folder; "" before Open
  bool written_ = false;
};

}  // namespace

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  return std::unique_ptr<Sink>(std::make_unique<FileSink>(Decided(config), context));
}

}  // namespace millrace::file
