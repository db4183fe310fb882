#include "run/scheduler.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace millrace {

namespace {

bool IsDone(TaskState state) {
  return state == TaskState::kSucceeded || state == TaskState::kSkipped;
}

}  // namespace

// Shared by the threads; every change is made under the mutex and wakes whoever waits.
struct Schedule::Work {
  Work(std::vector<GraphNode>& nodes, Leave& leave)
      : nodes(nodes), leave(leave), waits_for(nodes.size()) {
    downstream.resize(nodes.size());
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (IsFinal(nodes[i].state)) continue;
      ++open;
      for (size_t up : nodes[i].upstream) {
        if (IsDone(nodes[up].state)) continue;
        downstream[up].push_back(i);
        ++waits_for[i];
      }
      if (waits_for[i] == 0) ready.insert(i);
    }
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (IsFinal(nodes[i].state) && !IsDone(nodes[i].state)) LeaveDownstream(i);
    }
  }

  // The first in order of the graph that is ready; nothing when all is done or a stop was
  // requested.
  std::optional<size_t> Next(std::stop_token stop) {
    std::unique_lock lock(mutex);
    for (;;) {
      if (stop.stop_requested()) LeaveAll();
      if (stop.stop_requested() || open == 0) return std::nullopt;
      MoveDelayed();
      if (!ready.empty()) return ready.extract(ready.begin()).value();
      auto changed_since = [seen = changes, this] { return changes != seen; };
      if (delayed.empty()) {
        changed.wait(lock, stop, changed_since);
        continue;
      }
      auto due = delayed.begin()->first;  // a copy: meanwhile another worker may take the task
      changed.wait_until(lock, stop, due, changed_since);
    }
  }

  void Ended(size_t index, const Verdict& verdict, bool stopping) {
    std::lock_guard lock(mutex);
    ++changes;
    changed.notify_all();
    if (verdict.state == TaskState::kPending && !stopping) {
      delayed.emplace(std::chrono::steady_clock::now() + verdict.again_after, index);
      return;
    }
    if (verdict.state == TaskState::kPending) return LeaveOne(index, TaskState::kCanceled);
    Close(index, verdict.state);
    if (IsDone(verdict.state)) {
      for (size_t down : downstream[index]) {
        if (--waits_for[down] == 0 && !IsFinal(nodes[down].state)) ready.insert(down);
      }
    } else if (!stopping) {
      LeaveDownstream(index);
    }
  }

  void Close(size_t index, TaskState state) {
    nodes[index].state = state;
    --open;
  }
  void LeaveOne(size_t index, TaskState state) {
    ready.erase(index);
    leave(index, state);
    Close(index, state);
  }
  void LeaveDownstream(size_t index) {
    for (size_t down : downstream[index]) {
      if (IsFinal(nodes[down].state)) continue;
      LeaveOne(down, TaskState::kUpstreamFailed);
      LeaveDownstream(down);
    }
  }
  // All that nobody has begun.
  void LeaveAll() {
    for (const auto& [when, index] : delayed) ready.insert(index);
    delayed.clear();
    for (size_t i = 0; i < nodes.size(); ++i) {
      bool begun = waits_for[i] == 0 && !ready.contains(i);
      if (!IsFinal(nodes[i].state) && !begun) LeaveOne(i, TaskState::kCanceled);
    }
  }
  void MoveDelayed() {
    auto now = std::chrono::steady_clock::now();
    while (!delayed.empty() && delayed.begin()->first <= now) {
      ready.insert(delayed.begin()->second);
      delayed.erase(delayed.begin());
    }
  }

  std::vector<GraphNode>& nodes;
  Leave& leave;
  std::mutex mutex;
  std::condition_variable_any changed;
  size_t changes = 0;
  size_t open = 0;                // not in a final state
  std::vector<size_t> waits_for;  // how many upstream tasks are not done
  std::vector<std::vector<size_t>> downstream;
  std::set<size_t> ready;
  std::multimap<std::chrono::steady_clock::time_point, size_t> delayed;
};

Schedule::Schedule(std::vector<GraphNode> nodes, int parallel)
    : nodes_(std::move(nodes)), parallel_(std::max(parallel, 1)) {}

void Schedule::Run(Go go, Leave leave, std::stop_token stop) {
  Work work(nodes_, leave);
  auto serve = [&] {
    while (std::optional<size_t> index = work.Next(stop)) {
      Verdict verdict = go(*index, stop);
      work.Ended(*index, verdict, stop.stop_requested());
    }
  };
  std::vector<std::jthread> others;
  for (size_t i = 1; i < std::min<size_t>(parallel_, work.open); ++i) others.emplace_back(serve);
  serve();
}

}  // namespace millrace
