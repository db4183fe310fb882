#include "run/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace millrace {
namespace {

using std::chrono::milliseconds;

struct Seen {
  std::mutex mutex;
  std::vector<size_t> begun;
  std::vector<std::pair<size_t, TaskState>> left;

  Schedule::Go Go(std::function<Verdict(size_t)> end) {
    return [this, end](size_t index, std::stop_token) {
      {
        std::lock_guard lock(mutex);
        begun.push_back(index);
      }
      return end(index);
    };
  }
  Schedule::Leave Leave() {
    return [this](size_t index, TaskState state) {
      std::lock_guard lock(mutex);
      left.emplace_back(index, state);
    };
  }
};

Verdict Succeed(size_t) { return {TaskState::kSucceeded}; }

TEST(Schedule, RunsEachAfterItsUpstream) {
  Seen seen;
  Schedule schedule({{.upstream = {1, 2}}, {.upstream = {2}}, {}}, 4);
  schedule.Run(seen.Go(Succeed), seen.Leave(), {});
  EXPECT_EQ(seen.begun, (std::vector<size_t>{2, 1, 0}));
  EXPECT_TRUE(seen.left.empty());
}

TEST(Schedule, RunsAsManyAtOnceAsAllowed) {
  std::mutex mutex;
  std::condition_variable two;
  int running = 0, most = 0;
  Seen seen;
  Schedule schedule(std::vector<GraphNode>(6), 2);
  schedule.Run(seen.Go([&](size_t) {
    std::unique_lock lock(mutex);
    most = std::max(most, ++running);
    two.notify_all();
    // Each waits for a second one, so that two run together or the test takes its time and fails.
    two.wait_for(lock, milliseconds(500), [&] { return most >= 2; });
    --running;
    return Verdict{};
  }),
               seen.Leave(), {});
  EXPECT_EQ(most, 2);
  EXPECT_EQ(seen.begun.size(), 6u);
}

TEST(Schedule, LeavesWhatDependsOnAFailure) {
  Seen seen;
  // 0 fails; 1 and 2 hang on it, 3 does not.
  Schedule schedule({{}, {.upstream = {0}}, {.upstream = {1, 3}}, {}}, 1);
  schedule.Run(seen.Go([](size_t index) {
    return Verdict{index == 0 ? TaskState::kFailed : TaskState::kSucceeded};
  }),
               seen.Leave(), {});
  EXPECT_EQ(seen.begun, (std::vector<size_t>{0, 3}));
  EXPECT_EQ(seen.left, (std::vector<std::pair<size_t, TaskState>>{
                           {1, TaskState::kUpstreamFailed}, {2, TaskState::kUpstreamFailed}}));
  EXPECT_EQ(schedule.nodes()[2].state, TaskState::kUpstreamFailed);
}

// Under ASan: a worker that waits for a delayed task must bear that another one takes it.
TEST(Schedule, ManyWaitForTheSameDelayedTasks) {
  for (int round = 0; round < 50; ++round) {
    std::vector<std::atomic<int>> tries(6);
    Seen seen;
    Schedule schedule(std::vector<GraphNode>(tries.size()), 4);
    schedule.Run(seen.Go([&](size_t index) {
      if (++tries[index] < 4) return Verdict{TaskState::kPending, Micros(200)};
      return Verdict{};
    }),
                 seen.Leave(), {});
    EXPECT_EQ(seen.begun.size(), 4 * tries.size());
    EXPECT_TRUE(seen.left.empty());
  }
}

TEST(Schedule, DoesNotRedoWhatIsDone) {
  Seen seen;
  Schedule schedule({{.state = TaskState::kSucceeded},
                     {.upstream = {0}, .state = TaskState::kSkipped},
                     {.upstream = {1}}},
                    2);
  schedule.Run(seen.Go(Succeed), seen.Leave(), {});
  EXPECT_EQ(seen.begun, std::vector<size_t>{2});
}

TEST(Schedule, TriesAgainAfterADelayWithoutHoldingAThread) {
  Seen seen;
  std::atomic<int> tries = 0;
  Schedule schedule({{}, {}}, 1);
  auto begin = std::chrono::steady_clock::now();
  schedule.Run(seen.Go([&](size_t index) {
    if (index == 0 && ++tries == 1) return Verdict{TaskState::kPending, milliseconds(60)};
    return Verdict{};
  }),
               seen.Leave(), {});
  EXPECT_EQ(seen.begun, (std::vector<size_t>{0, 1, 0}));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(60));
}

TEST(Schedule, AStopLeavesWhatWasNotBegun) {
  Seen seen;
  std::stop_source stop;
  Schedule schedule({{}, {}, {.upstream = {0}}, {}}, 1);
  schedule.Run(seen.Go([&](size_t index) {
    if (index == 0) return Verdict{TaskState::kPending, std::chrono::hours(1)};
    stop.request_stop();
    return Verdict{TaskState::kCanceled};
  }),
               seen.Leave(), stop.get_token());
  EXPECT_EQ(seen.begun, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(seen.left.size(), 3u);
  for (const GraphNode& node : schedule.nodes()) EXPECT_EQ(node.state, TaskState::kCanceled);
}

TEST(Schedule, AStopEndsAWait) {
  Seen seen;
  std::stop_source stop;
  Schedule schedule({{}}, 3);
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(30));
    stop.request_stop();
  });
  auto begin = std::chrono::steady_clock::now();
  schedule.Run(seen.Go([](size_t) {
    return Verdict{TaskState::kPending, std::chrono::hours(1)};
  }),
               seen.Leave(), stop.get_token());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_EQ(schedule.nodes()[0].state, TaskState::kCanceled);
}

}  // namespace
}  // namespace millrace
