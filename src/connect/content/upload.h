// UPLOAD: content that is to be stored at targets, packed on this machine, and how far that is:
// the folder <state>/uploads/<root>-<sink>-<sequence>/ with
//
//   upload.json            what it is, and which commit of which task; never changes but for whom
//   data.1.car …           the shards, and data.index.car; they go when the upload is safe
//   journal.json           which targets have it: "stored.<target>", "done"
//   <target>.journal.json  how far a target is
//
// It comes by a rename when all of it is durable, so it is whole or not there. It is a record of
// what was stored afterwards, the newest kKeptUploads of each sink.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "connect/content/journal.h"
#include "connect/content/target.h"
#include "data/rows.h"
#include "net/ipld/car_writer.h"
#include "store/store.h"

namespace millrace::content {

inline constexpr size_t kKeptUploads = 1000;

struct UploadInfo {
  std::string sink;       // tells sinks from each other: hex
  std::string connector;  // "ipfs"
  std::vector<std::string> targets;  // as configured
  int require = 1;
  CommitId commit;
  Time now;  // of the commit's interval
  std::string position;  // of the task's inputs, once it is to be committed
  std::string run;
  Time packed;
  int64_t files = 0, bytes = 0, rows = 0;
  ipld::Shards content;  // paths: of this upload's folder; "" when the shards are gone
};

// Who holds it works on it alone: a run, or `millrace uploads retry`.
class UploadLock {
 public:
  explicit UploadLock(int file) : file_(file) {}
  ~UploadLock();
  UploadLock(const UploadLock&) = delete;

 private:
  const int file_;
};

class Upload {
 public:
  static std::string FolderOfAll(const std::string& state_folder) {
    return state_folder + "/uploads";
  }
  // Those that are there, the oldest first. What is damaged is passed over, and told to `damaged`.
  static Result<std::vector<Upload>> All(const std::string& state_folder,
                                         std::vector<Status>* damaged = nullptr);
  // Those of one commit of a sink, and all of a sink; the others are not read.
  static Result<std::vector<Upload>> OfCommit(const std::string& state_folder,
                                              const std::string& sink, int64_t sequence);
  static Result<std::vector<Upload>> OfSink(const std::string& state_folder,
                                            const std::string& sink);
  // As their folders' names say, without reading one.
  static Result<size_t> CountOfSink(const std::string& state_folder, const std::string& sink);
  // kInvalid: it is none, or its shards are not what they were.
  static Result<Upload> Open(const std::string& folder);
  // `packing` holds the shards of `info.content`, and becomes its folder. Where there is one of the
  // same content for the same sink and sequence, that one goes on: with its journals.
  static Result<Upload> Add(const std::string& state_folder, const std::string& packing,
                            const UploadInfo& info);

  const std::string& folder() const { return folder_; }
  const UploadInfo& info() const { return info_; }
  Journal& journal() { return *journal_; }
  Result<Journal> JournalOf(const std::string& target) const;

  // What a target said of it; nullopt: it does not have it.
  std::optional<Stored> StoredAt(const std::string& target) const;
  Status RecordStored(const std::string& target, const Stored& stored);
  std::vector<std::pair<std::string, Stored>> AllStored() const;
  bool done() const { return journal_->Find("done").has_value(); }
  bool has_shards() const { return !info_.content.index.path.empty(); }

  // For another commit of the same content, or with the position that is committed.
  Status Rewrite(UploadInfo info);
  // It is safe: durably so. Only then may the shards go.
  Status RecordDone(Time now);
  Status RemoveShards();
  Status Remove();
  // nullptr: another process holds it.
  Result<std::unique_ptr<UploadLock>> TryLock() const;

  // For the run record.
  std::vector<OutputRecord> Outputs() const;

 private:
  Upload(std::string folder, UploadInfo info, Journal journal)
      : folder_(std::move(folder)),
        info_(std::move(info)),
        journal_(std::make_unique<Journal>(std::move(journal))) {}

  std::string folder_;
  UploadInfo info_;
  std::unique_ptr<Journal> journal_;
};

// What a sink remembers of its task: the last commit that is safe. Durable.
struct SinkMemory {
  CommitId commit;
  std::string position;
  std::string upload;  // the name of its folder; "": there was nothing to store
};
Result<std::optional<SinkMemory>> ReadMemory(const std::string& state_folder,
                                             const std::string& sink);
Status WriteMemory(const std::string& state_folder, const std::string& sink,
                   const SinkMemory& memory);

}  // namespace millrace::content
