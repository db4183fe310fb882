// Runs the tasks of a graph as soon as what they wait for is done, a bounded number at a time.
#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>
#include <vector>

#include "base/time.h"
#include "store/store.h"

namespace millrace {

struct GraphNode {
  std::vector<size_t> upstream;           // indexes; no cycles
  TaskState state = TaskState::kPending;  // final: it is not run again
};

// How one go at a task ended.
struct Verdict {
  TaskState state = TaskState::kSucceeded;  // final, or kPending: again…
  Micros again_after{0};                    // …after this long
};

class Schedule {
 public:
  using Go = std::function<Verdict(size_t index, std::stop_token stop)>;
  // A task that will not be tried: kUpstreamFailed or kCanceled.
  using Leave = std::function<void(size_t index, TaskState state)>;

  Schedule(std::vector<GraphNode> nodes, int parallel);
  // Returns when every task is in a final state. Calls `go` from up to `parallel` threads, `leave`
  // from any of them, one at a time. After a stop request nothing is begun; what runs is expected
  // to end by itself.
  void Run(Go go, Leave leave, std::stop_token stop);
  const std::vector<GraphNode>& nodes() const { return nodes_; }

 private:
  struct Work;
  std::vector<GraphNode> nodes_;
  int parallel_;
};

}  // namespace millrace
