#include "net/http/rate_limit.h"

#include <algorithm>

#include "base/time.h"

namespace millrace::http {

RateLimiter::RateLimiter(Clock& clock, int64_t requests, Micros per)
    : clock_(clock), requests_(requests), per_(per) {}

Time RateLimiter::Take(Time now) {
  std::lock_guard lock(mutex_);
  if (now < paused_until_) return paused_until_;
  if (requests_ == 0) return now;
  while (!begun_.empty() && begun_.front() + per_ <= now) begun_.pop_front();
  if (static_cast<int64_t>(begun_.size()) >= requests_) return begun_.front() + per_;
  begun_.push_back(now);
  return now;
}

Status RateLimiter::Acquire(std::stop_token stop) {
  for (;;) {
    if (stop.stop_requested()) return Canceled();
    Time now = clock_.Now();
    Time at = Take(now);
    if (at <= now) return Status::Ok();
    TRY(clock_.Sleep(at - now, stop));
  }
}

void RateLimiter::PauseUntil(Time time) {
  std::lock_guard lock(mutex_);
  paused_until_ = std::max(paused_until_, time);
}

Status RequestBudget::Take() {
  std::lock_guard lock(mutex_);
  if (most_ > 0 && used_ >= most_) {
    return {Code::kExhausted, "the budget of " + FormatCount(most_) + " requests is used up",
            "what was answered is kept, and the next attempt or run goes on from there; or raise "
            "`api_budget.max_requests`"};
  }
  ++used_;
  return Status::Ok();
}

int64_t RequestBudget::used() const {
  std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace millrace::http
