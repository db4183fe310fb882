// What a fetch got, kept on disk answer by answer, so that a process that is killed repeats no
// request that was answered.
//
//   <folder>/fetch.json     who fetches what, since when; complete: its position
//   <folder>/members.json   the members, as they were found when it began
//   <folder>/pages.ndjson   one line an answer, or for a member that was given up; what it names
//   counts <folder>/rows-0.ndjson  the records, a file for each worker; rows.ndjson when it is
//   complete <folder>/sample.ndjson  one record of every shape
//
// Written through the page cache: a killed process loses nothing; a machine that loses its power
// loses the last second of an unfinished fetch. A complete one is durable.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/status.h"
#include "base/time.h"
#include "config/json.h"
#include "connect/rest/members.h"
#include "connect/rest/record_writer.h"

namespace millrace::rest {

struct FetchHead {
  std::string run, definition, begin;  // of whom, what, and the position it goes on from
  int64_t process = 0;
  Time began;
  bool complete = false;
  bool passed_over = false;  // it was offered to a task that had no need of it
  std::string position;      // when complete
  int64_t records = 0, bytes = 0, rejected = 0;
};

// An answer that is in the stage.
struct StagedPage {
  size_t member = 0;
  int64_t number = 0;               // from 0
  std::string request;              // state of the pagination that asked for it, as text
  std::optional<std::string> next;  // …of the next one; absent: it was the last
  int lane = 0;
  int64_t offset = 0, records = 0;
  std::vector<Frame> frames;  // from the offset on
  std::string sha256;
  std::optional<std::string> cursor;
  std::string etag, modified;  // validators of the answer
};

int64_t BytesOf(const StagedPage& page);

struct GivenUp {
  size_t member = 0;
  std::string reason, url;
};

// Thread-safe where it says so.
class Stage {
 public:
  static Result<std::unique_ptr<Stage>> Create(const std::string& folder, FetchHead head,
                                               std::vector<Member> members, int lanes);
  // What is there of an interrupted or complete one; kNotFound when there is none that is whole
  // enough.
  static Result<std::unique_ptr<Stage>> Resume(const std::string& folder, int lanes);
  // The head alone; kNotFound.
  static Result<FetchHead> Look(const std::string& folder);

  const FetchHead& head() const { return head_; }
  const std::vector<Member>& members() const { return members_; }
  const std::vector<StagedPage>& pages() const { return pages_; }
  const std::vector<GivenUp>& given_up() const { return given_up_; }
  Sample& sample() { return sample_; }
  // Of a complete one, in order.
  std::vector<std::string> RowsPaths() const;
  std::string sample_path() const { return folder_ + "/sample.ndjson"; }
  const std::string& folder() const { return folder_; }

  Status PassOver();
  // From now on it is this run's.
  Status Own(const std::string& run, int64_t process);

  // A lane is used by one thread at a time.
  int LaneFile(int lane) const { return lanes_[static_cast<size_t>(lane)].file.get(); }
  std::string LanePath(int lane) const;
  // The records that were written to the lane since the last Note are those of this page. Any
  // thread.
  Status Note(StagedPage page, const PageSummary& summary);
  // They are not: they go. Any thread.
  Status Undo(int lane);
  Status NoteGivenUp(GivenUp given_up);  // any thread

  // Puts the rows in the order of members and pages, and makes all of it durable.
  Status Complete(const std::string& position);
  static Status Remove(const std::string& folder);

 private:
  struct Lane {
    Descriptor file;
    int64_t end = 0;
  };
  explicit Stage(std::string folder) : folder_(std::move(folder)) {}
  Status OpenFiles(int lanes);
  Status Load();
  Status WriteHead();
  Status Append(const Json& line);
  Status Merge();
  Status Copy(int in, int64_t& from, int64_t bytes, int out) const;
  Status Truncate();

  const std::string folder_;
  FetchHead head_;
  std::vector<Member> members_;

  std::mutex mutex_;
  std::vector<Lane> lanes_;
  std::vector<StagedPage> pages_;
  std::vector<GivenUp> given_up_;
  Descriptor journal_, sample_file_;
  Sample sample_;
};

}  // namespace millrace::rest
