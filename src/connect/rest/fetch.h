// Asks for all members and pages of a source, side by side, and stages what is answered.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "connect/rest/config.h"
#include "connect/rest/page_reader.h"
#include "connect/rest/paginator.h"
#include "connect/rest/stage.h"
#include "net/http/requester.h"

namespace millrace::rest {

// What the last fetch knows of the one document that it got (RFC 9110, 13.1).
struct Validators {
  std::string etag, modified;
  bool empty() const { return etag.empty() && modified.empty(); }
};

class Fetch {
 public:
  Fetch(const SourceConfig& config, http::Requester& requester, const Paginator& paginator,
        const PageReader& reader, Stage& stage);

  // Until all is staged that is to be had; what is staged already is not asked for. A member that
  // fails, and alone fails once more, is put aside, unless all do, or the cursor would move past
  // what it has. True: nothing changed since the validators (there are no pages then).
  Result<bool> Run(const Validators& validators, std::stop_token stop);
  // For previews: at most so many pages of so many members.
  void Limit(size_t members, int64_t pages);

 private:
  // How far a member has come.
  struct Progress {
    std::optional<std::string> next;  // state of the next request; absent: done
    int64_t pages = 0;
    std::set<std::string> asked;
    std::string last_sha256;
  };
  struct PageBody {
    bool there = false;  // a status may say that there are no records
    PageSummary summary;
    std::string beside;
  };
  struct Failure {
    size_t member = 0;
    Status status;
  };

  Status Work(int lane, std::stop_token stop);
  Status Walk(size_t member, int lane, std::stop_token stop);
  Status Page(size_t member, Progress& progress, int lane, std::stop_token stop);
  Result<PageBody> ReadBody(const http::Response& head, http::BodyStream& bytes, size_t member,
                            int lane, std::stop_token stop);
  Status Take(const http::Response& response, PageBody body, size_t member, Progress& progress,
              int lane);
  Result<http::Request> MakeRequest(size_t member, const std::string& state) const;
  Status CheckLoop(const Progress& progress, const StagedPage& page, int64_t records) const;
  std::optional<std::string> Kept(std::optional<std::string> state) const;
  bool IsFatal(const Status& status) const;
  Status RetryAlone(std::stop_token stop);
  bool MayPutAside() const;

  const SourceConfig& config_;
  http::Requester& requester_;
  const Paginator& paginator_;
  const PageReader& reader_;
  Stage& stage_;
  std::set<int> ignored_;  // statuses
  Validators validators_;
  bool unchanged_ = false;
  size_t most_members_;
  int64_t most_pages_;

  std::vector<size_t> todo_;
  std::vector<Progress> progress_;  // by member
  std::atomic<size_t> next_{0}, succeeded_{0};
  std::mutex mutex_;
  std::vector<Failure> failures_;
  Status fatal_;
};

}  // namespace millrace::rest
