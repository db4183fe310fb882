#include "connect/content/delivery.h"

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "base/failpoint.h"
#include "base/parallel.h"
#include "base/text.h"

namespace millrace::content {

namespace {

constexpr size_t kTargetsAtOnce = 4;

bool MayPass(Code code) {
  return code == Code::kUnavailable || code == Code::kConflict || code == Code::kExhausted;
}

// The oldest records of what was stored go, beyond kKeptUploads of a sink; not one with each
// commit, since they are read for it. Best effort.
void Prune(const std::string& state_folder, const std::string& sink) {
  Result<size_t> there = Upload::CountOfSink(state_folder, sink);
  if (!there.ok() || *there <= kKeptUploads + kKeptUploads / 10) return;
  Result<std::vector<Upload>> all = Upload::OfSink(state_folder, sink);
  if (!all.ok()) return;
  std::erase_if(*all, [](const Upload& each) { return !each.done() || each.has_shards(); });
  for (size_t i = 0; i + kKeptUploads < all->size(); ++i) (void)(*all)[i].Remove();
}

}  // namespace

Status Delivery::Probe(std::stop_token stop) {
  int answer = 0;
  Status first;
  for (const TargetChoice& choice : choices_) {
    Result<std::unique_ptr<Target>> target = choice.make(context_);
    Status status = target.ok() ? (*target)->Probe(stop) : target.status();
    if (status.code() == Code::kCanceled) return status;
    if (status.ok()) {
      ++answer;
    } else if (first.ok()) {
      first = status.In(choice.name);
    }
  }
  return answer >= options_.require ? Status::Ok() : first;
}

Status Delivery::StoreAt(const TargetChoice& choice, Upload& upload, std::stop_token stop) {
  std::unique_ptr<Target> target = TRY(choice.make(context_));
  Journal journal = TRY(upload.JournalOf(choice.name));
  Stored stored = TRY(target->Store(upload.info().content, journal, stop));
  TRY(Failpoint("content.stored.before"));
  TRY(upload.RecordStored(choice.name, stored));
  Log(choice.name + " has " + upload.info().content.root.Text() + ": " + stored.where);
  return Failpoint("content.stored.after");
}

Delivery::Failures Delivery::TryAll(const std::vector<const TargetChoice*>& choices,
                                    Upload& upload, std::stop_token stop) {
  Failures failures;
  std::mutex mutex;
  auto store = [&](size_t i, std::stop_token stopped) {
    Status status = StoreAt(*choices[i], upload, stopped);
    if (status.ok()) return status;
    Log(choices[i]->name + " did not take it: " + status.ToString());
    std::lock_guard lock(mutex);
    failures.emplace_back(choices[i]->name, status);
    return Status::Ok();  // the others go on
  };
  (void)ForEachAtOnce(choices.size(), kTargetsAtOnce, store, stop);
  return failures;
}

Status Delivery::Deliver(Upload& upload, bool as_commit, std::stop_token stop) {
  std::unique_ptr<UploadLock> lock = TRY(upload.TryLock());
  if (!lock)
    return Status(Code::kConflict, "another process uploads " + upload.folder(),
                  "wait until it is done");
  upload = TRY(Upload::Open(upload.folder()));  // who had the lock may have gone on with it
  if (!upload.done()) TRY(StoreAtEnough(upload, stop));
  return Complete(upload, as_commit);
}

Status Delivery::StoreAtEnough(Upload& upload, std::stop_token stop) {
  std::vector<const TargetChoice*> missing;
  for (const TargetChoice& choice : choices_) {
    if (!upload.StoredAt(choice.name)) missing.push_back(&choice);
  }
  auto enough = [&] {
    return upload.AllStored().size() >= static_cast<size_t>(options_.require);
  };
  Failures failures;
  if (options_.order == TryOrder::kAll) {
    failures = TryAll(missing, upload, stop);
  } else {
    for (const TargetChoice* choice : missing) {
      if (enough() || stop.stop_requested()) break;
      Failures one = TryAll({choice}, upload, stop);
      failures.insert(failures.end(), one.begin(), one.end());
    }
  }
  if (enough()) {
    WarnOf(failures);
    return Status::Ok();
  }
  if (stop.stop_requested()) return Canceled();
  return NotEnough(upload, failures);
}

// It is safe all the same: another target has it.
void Delivery::WarnOf(const Failures& failures) const {
  for (const auto& [target, status] : failures) {
    if (context_.warn) context_.warn(target + " did not take it: " + status.message());
  }
}

Status Delivery::NotEnough(const Upload& upload, const Failures& failures) const {
  std::string text = "stored at " + std::to_string(upload.AllStored().size()) + " of the " +
                     std::to_string(options_.require) + " targets that must have it";
  bool may_pass = false;
  for (const auto& [target, status] : failures) {
    text += "; " + target + ": " + status.message();
    if (!status.hint().empty()) text += " (" + status.hint() + ")";
    may_pass = may_pass || MayPass(status.code());
  }
  Code code = may_pass || failures.empty() ? Code::kUnavailable : failures.front().second.code();
  return Status(code, text + ". Nothing is lost: it waits in " + upload.folder(),
                "`millrace uploads retry` tries again, and so does the next run");
}

std::vector<Verdict> Delivery::Verify(Upload& upload, std::stop_token stop) {
  std::vector<Verdict> verdicts;
  for (const auto& [name, stored] : upload.AllStored()) {
    auto choice = std::ranges::find(choices_, name, &TargetChoice::name);
    auto ask = [&]() -> Result<std::string> {
      if (choice == choices_.end()) return Invalid("the task does not name this target any more");
      std::unique_ptr<Target> target = TRY(choice->make(context_));
      Journal journal = TRY(upload.JournalOf(name));
      return target->Verify(upload.info().content, journal, stop);
    };
    verdicts.push_back({name, ask()});
  }
  return verdicts;
}

void Delivery::Log(const std::string& line) const {
  if (context_.log) context_.log(line);
}

Status Delivery::Complete(Upload& upload, bool as_commit) {
  TRY(Failpoint("content.done.before"));
  if (!upload.done()) TRY(upload.RecordDone(context_.env.clock.Now()));
  TRY(Failpoint("content.done.after"));
  const UploadInfo& info = upload.info();
  if (as_commit) {
    std::string name = std::filesystem::path(upload.folder()).filename().string();
    TRY(WriteMemory(context_.state_folder, info.sink, {info.commit, info.position, name}));
    TRY(Failpoint("content.remember.after"));
  }
  if (options_.keep) return Status::Ok();
  TRY(upload.RemoveShards());
  Prune(context_.state_folder, info.sink);
  return Failpoint("content.removed.after");
}

}  // namespace millrace::content
