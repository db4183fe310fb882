#include "connect/postgres/change_stream.h"

#include <algorithm>
#include <chrono>

#include "base/text.h"

namespace millrace::postgres {

namespace {

using std::chrono::milliseconds;

constexpr Micros kPatience = milliseconds(250);  // for an answer to a question that costs nothing
constexpr Micros kPause = milliseconds(2);
constexpr int kQuestions = 50;  // answered without news, until there is none
constexpr auto kReleaseTimeout = std::chrono::seconds(15);
constexpr Micros kLook = milliseconds(100);

}  // namespace

Result<std::unique_ptr<ChangeStream>> ChangeStream::Open(const StreamOptions& options, Clock& clock,
                                                         std::stop_token stop) {
  std::unique_ptr<ChangeStream> stream(new ChangeStream(options, clock));
  stream->confirmed_ = stream->ended_ = options.after;
  pg::Options server = options.server;
  server.replication = true;
  stream->connection_ = TRY(pg::Connection::Open(server, stop));
  // We may be at work on a batch for longer than the server would wait for a word; that a peer is
  // gone the connection itself tells.
  TRY(stream->connection_->Run("SET wal_sender_timeout = 0", stop));
  std::string command = "START_REPLICATION SLOT " + SqlName(options.slot) + " LOGICAL " +
                        LsnText(options.after + 1) + " (proto_version '1', publication_names " +
                        SqlLiteral(SqlName(options.publication)) + ")";
  Time end = clock.Now() + kReleaseTimeout;
  for (;;) {
    Status begun = stream->connection_->BeginReplication(command, stop);
    if (begun.ok()) return stream;
    bool in_use = begun.message().find("[55006]") != std::string::npos;
    if (!in_use || clock.Now() > end) return begun;
    TRY(clock.Sleep(kLook, stop));
  }
}

ChangeStream::~ChangeStream() {
  if (connection_ && !connection_->broken())
    (void)connection_->EndReplication(milliseconds(800), {});
}

Status ChangeStream::Tell(bool wants_reply, std::stop_token stop) {
  return connection_->Send(StatusUpdate(confirmed_ + 1, wants_reply, clock_.Now()), stop);
}

Status ChangeStream::Confirm(Lsn commit) {
  if (commit <= confirmed_) return Status::Ok();
  confirmed_ = commit;
  return connection_->broken() ? Status::Ok() : Tell(false, {});
}

// Whether a message came.
Result<bool> ChangeStream::Pull(Micros wait, std::stop_token stop) {
  std::string_view raw = TRY(connection_->ReceiveUntil(wait, stop));
  if (raw.empty()) return false;
  WalData data = TRY(ParseWalData(raw));
  if (data.message.empty()) {
    told_ = data.end;
    asked_ = false;
  }
  if (data.wants_reply) TRY(Tell(false, stop));
  if (!data.message.empty()) TRY(Keep(data.message));
  return true;
}

Status ChangeStream::Keep(std::string_view message) {
  switch (message[0]) {
    case 'B': {
      Begin begin = TRY(ParseBegin(message));
      transactions_.push_back({begin.commit, begin.time});
      return Status::Ok();
    }
    case 'C': {
      ended_ = TRY(ParseCommit(message));
      if (transactions_.empty()) return Internal("logical replication sent a Commit without Begin");
      transactions_.back().whole = true;
      // Of other tables of the publication, or nothing but a change of the table's shape.
      if (transactions_.back().rows == 0) transactions_.pop_back();
      return Status::Ok();
    }
    case 'I':
    case 'U':
    case 'D':
    case 'T':
      if (!Concerns(message, options_.table)) return Status::Ok();
      break;
    case 'R': break;
    default: return Status::Ok();
  }
  if (transactions_.empty()) return Internal("logical replication sent a change without Begin");
  Transaction& transaction = transactions_.back();
  if (message[0] != 'R') ++transaction.rows;
  items_.push_back({transaction.commit, transaction.time, std::string(message)});
  bytes_ += static_cast<int64_t>(message.size());
  return Status::Ok();
}

// One question at a time: the answer tells how far the server was when it gave it.
Status ChangeStream::Ask(std::stop_token stop) {
  if (asked_) return Status::Ok();
  asked_ = true;
  return Tell(true, stop);
}

Status ChangeStream::Fetch(Lsn target, std::stop_token stop) {
  int without_news = 0;
  Time heard = clock_.Now();
  while (told_ < target && bytes_ < options_.buffer_bytes) {
    TRY(Ask(stop));
    Lsn before = told_;
    size_t items = items_.size();
    bool came = TRY(Pull(kPatience, stop));
    if (came) heard = clock_.Now();
    if (clock_.Now() - heard > options_.server.read_timeout)
      return {Code::kUnavailable, connection_->place() + " does not answer on replication"};
    if (!came || asked_) continue;
    if (told_ > before || items_.size() > items) {
      without_news = 0;
      continue;
    }
    // The log may be flushed up to the middle of a record, where nobody can be. What comes before
    // our place is read by the server once more, in silence.
    if (told_ >= options_.after && ++without_news > kQuestions) break;
    TRY(clock_.Sleep(kPause, stop));
  }
  return Status::Ok();
}

std::optional<Lsn> ChangeStream::End(int64_t rows) const {
  std::optional<Lsn> end;
  int64_t so_far = 0;
  for (const Transaction& each : transactions_) {
    if (each.rows == 0) continue;
    end = each.commit;
    so_far += each.rows;
    if (rows > 0 && so_far >= rows) break;
  }
  return end;
}

bool ChangeStream::IsPast(Lsn end) const {
  if (ended_ >= end) return true;
  return !transactions_.empty() && transactions_.back().commit > end;
}

Result<std::optional<StreamItem>> ChangeStream::Take(Lsn end, std::stop_token stop) {
  Time heard = clock_.Now();
  // Whoever has sent what comes after `end` has sent all before it.
  while (items_.empty() && !IsPast(end) && told_ <= end) {
    TRY(Ask(stop));
    if (TRY(Pull(kPatience, stop))) heard = clock_.Now();
    if (clock_.Now() - heard > options_.server.read_timeout)
      return Status(Code::kUnavailable, connection_->place() + " does not answer on replication");
  }
  if (items_.empty() || items_.front().commit > end) return Passed(end);
  StreamItem item = std::move(items_.front());
  items_.pop_front();
  bytes_ -= static_cast<int64_t>(item.message.size());
  return std::optional(std::move(item));
}

// All up to `end` is taken, provided that it was there.
Result<std::optional<StreamItem>> ChangeStream::Passed(Lsn end) {
  while (!transactions_.empty() && transactions_.front().commit <= end) {
    passed_ = transactions_.front().commit;
    transactions_.pop_front();
  }
  if (passed_ == end) return std::optional<StreamItem>();
  return Invalid("the changes up to " + LsnText(end) + " are not kept by replication slot " +
                     options_.slot + " any more",
                 "run with --full-refresh: the table is read anew");
}

}  // namespace millrace::postgres
