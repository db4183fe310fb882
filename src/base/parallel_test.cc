#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace millrace {
namespace {

TEST(ParallelTest, DoesAllOfItOnAFewThreads) {
  std::atomic<int> at_work = 0, most = 0, sum = 0;
  auto work = [&](size_t i, std::stop_token) {
    int now = ++at_work;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    sum += static_cast<int>(i);
    --at_work;
    return Status::Ok();
  };
  EXPECT_TRUE(ForEachAtOnce(100, 4, work, {}).ok());
  EXPECT_EQ(sum, 4950);
  EXPECT_LE(most, 4);
  EXPECT_TRUE(ForEachAtOnce(0, 4, work, {}).ok());
  EXPECT_EQ(sum, 4950);
}

TEST(ParallelTest, TheFirstFailureStopsTheRest) {
  std::atomic<int> begun = 0;
  auto work = [&](size_t i, std::stop_token stop) {
    ++begun;
    if (i == 3) return NotFound("the third");
    while (!stop.stop_requested()) std::this_thread::yield();
    return Canceled();
  };
  EXPECT_EQ(ForEachAtOnce(1000, 4, work, {}).code(), Code::kNotFound);
  EXPECT_LE(begun, 4);
}

TEST(ParallelTest, StopsWhenAsked) {
  std::stop_source stop;
  std::atomic<int> begun = 0;
  auto work = [&](size_t, std::stop_token) {
    if (++begun == 5) stop.request_stop();
    return Status::Ok();
  };
  EXPECT_EQ(ForEachAtOnce(1'000'000, 2, work, stop.get_token()).code(), Code::kCanceled);
  EXPECT_LT(begun, 1000);
}

}  // namespace
}  // namespace millrace
