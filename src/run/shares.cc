#include "run/shares.h"

#include <algorithm>
#include <vector>

#include "run/wait.h"

namespace millrace {

Status Shares::Look() {
  Time now = clock_.Now();
  if (now >= looked_ && now < looked_ + kLook) return Status::Ok();
  size_t members = 0, older = 0;
  bool leaves = true;
  for (const Membership::Member& member : TRY(membership_.Members())) {
    if (member.leaves) continue;
    if (member.is_this) {
      older = members;
      leaves = false;
    }
    ++members;
  }
  looked_ = now;
  share_ = leaves ? 0 : tasks_ / members + (older < tasks_ % members ? 1 : 0);
  return Status::Ok();
}

Result<std::unique_ptr<Shares::Turn>> Shares::Take(const std::string& task) {
  std::lock_guard lock(mutex_);
  TRY(Look());
  std::unique_ptr<ProcessLock> own;
  if (held_.size() < share_) own = TRY(membership_.LockTask(task));
  if (!own) return std::unique_ptr<Turn>();
  held_[task].lock = std::move(own);
  return std::make_unique<Turn>(*this, task);
}

void Shares::LetGo(const std::string& task) {
  std::lock_guard lock(mutex_);
  held_.erase(task);
}

Result<std::unique_ptr<Shares::Turn>> Shares::Wait(const std::string& task, std::stop_token drain) {
  while (!drain.stop_requested()) {
    if (std::unique_ptr<Turn> turn = TRY(Take(task))) return turn;
    WaitUntil(clock_.Now() + kLook, drain);
  }
  return std::unique_ptr<Turn>();
}

bool Shares::Keeps(const std::string& task) {
  std::lock_guard lock(mutex_);
  (void)Look().ok();  // else as it was
  Held& held = held_.at(task);
  auto kept = std::count_if(held_.begin(), held_.end(),
                            [](const auto& each) { return !each.second.ends; });
  if (static_cast<size_t>(kept) > share_) held.ends = true;
  return !held.ends;
}

}  // namespace millrace
