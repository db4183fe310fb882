// Waiting: back-off, what a server asks for, rates and budgets. The clock is the test's.
#include <gtest/gtest.h>

#include "net/http/rate_limit.h"
#include "net/http/retry_policy.h"

namespace millrace::http {
namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

class StoppedClock final : public Clock {
 public:
  Time Now() override { return now_; }
  Status Sleep(Micros duration, std::stop_token stop) override {
    if (stop.stop_requested()) return Canceled();
    slept += duration;
    now_ += duration;
    return Status::Ok();
  }
  Micros slept{0};

 private:
  Time now_{std::chrono::seconds(784111777)};  // Sun, 06 Nov 1994 08:49:37 GMT
};

TEST(RetryAfter, SecondsAndDates) {
  StoppedClock clock;
  auto at = [&](const char* text) { return ParseRetryAfter(text, clock.Now()); };
  EXPECT_EQ(at("120"), Micros(120s));
  EXPECT_EQ(at(" 0 "), Micros(0));
  EXPECT_EQ(at("Sun, 06 Nov 1994 08:50:37 GMT"), Micros(60s));
  EXPECT_EQ(at("Sunday, 06-Nov-94 08:50:37 GMT"), Micros(60s)) << "RFC 850";
  EXPECT_EQ(at("Sun Nov  6 08:50:37 1994"), Micros(60s)) << "asctime";
  EXPECT_EQ(at("Sun, 06 Nov 1994 08:00:00 GMT"), Micros(0)) << "past";
  EXPECT_EQ(at("-5"), std::nullopt);
  EXPECT_EQ(at("soon"), std::nullopt);
  EXPECT_EQ(at(""), std::nullopt);
}

TEST(Backoff, DoublesToItsCap) {
  RetryPolicy policy{.first_delay = 1s, .max_delay = 5s};
  EXPECT_EQ(Backoff(policy, 1, 1), Micros(1s));
  EXPECT_EQ(Backoff(policy, 2, 1), Micros(2s));
  EXPECT_EQ(Backoff(policy, 3, 1), Micros(4s));
  EXPECT_EQ(Backoff(policy, 4, 1), Micros(5s));
  EXPECT_EQ(Backoff(policy, 1000, 1), Micros(5s));
  EXPECT_EQ(Backoff(policy, 3, 0), Micros(2s)) << "jitter takes at most a half";
  for (int i = 0; i < 100; ++i) {
    EXPECT_GE(Jitter(), 0);
    EXPECT_LT(Jitter(), 1);
  }
}

TEST(RateLimiter, NeverMoreWithinAnySpan) {
  StoppedClock clock;
  RateLimiter limiter(clock, 3, 1s);
  std::vector<Time> begun;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(limiter.Acquire({}).ok());
    begun.push_back(clock.Now());
  }
  for (size_t i = 3; i < begun.size(); ++i) EXPECT_GE(begun[i] - begun[i - 3], 1s) << i;
  EXPECT_EQ(clock.slept, 3s) << "and not less often than allowed";
}

TEST(RateLimiter, APauseCountsForAll) {
  StoppedClock clock;
  RateLimiter limiter(clock, 0, 1s);
  ASSERT_TRUE(limiter.Acquire({}).ok());
  limiter.PauseUntil(clock.Now() + 7s);
  limiter.PauseUntil(clock.Now() + 2s);  // a shorter one takes nothing back
  ASSERT_TRUE(limiter.Acquire({}).ok());
  EXPECT_EQ(clock.slept, 7s);
}

TEST(RateLimiter, Stops) {
  std::stop_source stop;
  stop.request_stop();
  StoppedClock clock;
  RateLimiter limiter(clock, 1, 1h);
  EXPECT_EQ(limiter.Acquire(stop.get_token()).code(), Code::kCanceled);
}

TEST(RequestBudget, IsUsedUp) {
  RequestBudget budget(2), unlimited(0);
  EXPECT_TRUE(budget.Take().ok());
  EXPECT_TRUE(budget.Take().ok());
  EXPECT_EQ(budget.Take().code(), Code::kExhausted);
  EXPECT_EQ(budget.used(), 2);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(unlimited.Take().ok());
}

}  // namespace
}  // namespace millrace::http
