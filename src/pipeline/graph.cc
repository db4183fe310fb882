#include "pipeline/graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.h"

namespace millrace {
namespace {

// From → to → why: "reads silver.x".
using Edges = std::vector<std::map<size_t, std::string>>;

std::string ShortName(const Pipeline& pipeline, const Task& task) {
  return task.key.substr(pipeline.name.size() + 1);
}

void AddAfter(const Pipeline& pipeline, Edges& edges) {
  for (size_t i = 0; i < pipeline.tasks.size(); ++i) {
    for (const std::string& wanted : pipeline.tasks[i].after) {
      for (size_t j = 0; j < pipeline.tasks.size(); ++j) {
        const Task& other = pipeline.tasks[j];
        if (wanted != other.name && wanted != ShortName(pipeline, other)) continue;
        edges[i].emplace(j, "is after " + ShortName(pipeline, other));
      }
    }
  }
}

void AddReads(const Pipeline& pipeline, Edges& edges) {
  std::map<std::string, std::vector<size_t>> writers;
  for (size_t i = 0; i < pipeline.tasks.size(); ++i) {
    for (const std::string& table : pipeline.tasks[i].writes) writers[table].push_back(i);
  }
  for (size_t i = 0; i < pipeline.tasks.size(); ++i) {
    for (const std::string& table : AllReads(pipeline.tasks[i])) {
      auto found = writers.find(table);
      if (found == writers.end()) continue;
      // A task may read its own table: as it was before.
      for (size_t writer : found->second) {
        if (writer != i) edges[i].emplace(writer, "reads " + table);
      }
    }
  }
}

// Depth first; the first cycle that is met, as indices.
class CycleSearch {
 public:
  explicit CycleSearch(const Edges& edges) : edges_(edges), state_(edges.size(), State::kNew) {}

  std::vector<size_t> Find() {
    for (size_t i = 0; i < edges_.size(); ++i) {
      if (state_[i] == State::kNew && Visit(i)) return path_;
    }
    return {};
  }

 private:
  enum class State { kNew, kOnPath, kDone };

  bool Visit(size_t start) {
    // With a stack of its own: a chain of ten thousand tasks is no reason to overflow ours.
    std::vector<std::pair<size_t, std::map<size_t, std::string>::const_iterator>> stack;
    auto enter = [&](size_t task) {
      state_[task] = State::kOnPath;
      path_.push_back(task);
      stack.emplace_back(task, edges_[task].begin());
    };
    enter(start);
    while (!stack.empty()) {
      auto& [task, next] = stack.back();
      if (next == edges_[task].end()) {
        state_[task] = State::kDone;
        path_.pop_back();
        stack.pop_back();
        continue;
      }
      size_t to = (next++)->first;
      if (state_[to] == State::kOnPath) {
        path_.erase(path_.begin(), std::find(path_.begin(), path_.end(), to));
        return true;
      }
      if (state_[to] == State::kNew) enter(to);
    }
    return false;
  }

  const Edges& edges_;
  std::vector<State> state_;
  std::vector<size_t> path_;
};

bool TellCycle(const Pipeline& pipeline, const Edges& edges, Diagnostics& diagnostics) {
  std::vector<size_t> cycle = CycleSearch(edges).Find();
  if (cycle.empty()) return false;
  std::vector<std::string> names, reasons;
  for (size_t i = 0; i < cycle.size(); ++i) {
    names.push_back(ShortName(pipeline, pipeline.tasks[cycle[i]]));
    reasons.push_back(names.back() + " " + edges[cycle[i]].at(cycle[(i + 1) % cycle.size()]));
  }
  names.push_back(names.front());
  diagnostics.Error(pipeline.tasks[cycle[0]].place,
                    "tasks wait for each other: " + Join(names, " → "), Join(reasons, ", "));
  return true;
}

void TellSharedTables(const Pipeline& pipeline, Diagnostics& diagnostics) {
  struct Writer {
    const Task* task;
    const Target* target;
  };
  std::map<std::string, std::vector<Writer>> writers;
  for (const Task& task : pipeline.tasks) {
    for (const Target& target : task.targets)
      writers[target.traits.writes].push_back({&task, &target});
    for (const Target& target : task.rejects)
      writers[target.traits.writes].push_back({&task, &target});
  }
  writers.erase("");
  for (const auto& [table, all] : writers) {
    auto twice = std::adjacent_find(
        all.begin(), all.end(),
        [](const Writer& one, const Writer& other) { return one.task == other.task; });
    if (twice != all.end()) {
      // A table knows a task's commit by its id: what comes second under it would be taken for a
      // repetition.
      diagnostics.Error(
          (twice + 1)->target->place,
          "'" + ShortName(pipeline, *twice->task) + "' writes '" + table + "' twice",
          "a task has one target for a table: join the conditions, or make two tasks");
      continue;
    }
    bool replaces = std::any_of(all.begin(), all.end(), [](const Writer& writer) {
      return writer.target->traits.replaces;
    });
    if (all.size() < 2 || !replaces) continue;
    std::string first = ShortName(pipeline, *all[0].task),
                second = ShortName(pipeline, *all[1].task);
    std::string who =
        first == second ? "'" + first + "' twice" : "both '" + first + "' and '" + second + "'";
    diagnostics.Error(
        all[1].target->place,
        "'" + table + "' is written by " + who + ", and one would replace the other's rows",
        "use `mode: append` or `mode: merge` in both, or a table for each");
  }
}

// Each task as early as its upstream allows, else as in the file.
std::vector<size_t> Order(const Edges& edges) {
  std::vector<std::vector<size_t>> downstream(edges.size());
  std::vector<size_t> missing(edges.size());
  std::set<size_t> ready;
  for (size_t i = 0; i < edges.size(); ++i) {
    missing[i] = edges[i].size();
    for (const auto& [upstream, why] : edges[i]) downstream[upstream].push_back(i);
    if (missing[i] == 0) ready.insert(i);
  }
  std::vector<size_t> order;
  while (!ready.empty()) {
    size_t task = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(task);
    for (size_t next : downstream[task]) {
      if (--missing[next] == 0) ready.insert(next);
    }
  }
  return order;
}

}  // namespace

std::vector<std::string> AllReads(const Task& task) {
  std::vector<std::string> all = task.reads;
  for (const Input& input : task.inputs) {
    if (!input.traits.reads.empty()) all.push_back(input.traits.reads);
    all.insert(all.end(), input.traits.needs.begin(), input.traits.needs.end());
  }
  return all;
}

void BuildGraph(Pipeline& pipeline, Diagnostics& diagnostics) {
  Edges edges(pipeline.tasks.size());
  AddAfter(pipeline, edges);
  AddReads(pipeline, edges);
  TellSharedTables(pipeline, diagnostics);
  if (TellCycle(pipeline, edges, diagnostics)) return;
  for (size_t i = 0; i < edges.size(); ++i) {
    Task& task = pipeline.tasks[i];
    task.upstream.clear();
    for (const auto& [upstream, why] : edges[i])
      task.upstream.push_back(pipeline.tasks[upstream].key);
  }
  std::vector<Task> ordered;
  for (size_t index : Order(edges)) ordered.push_back(std::move(pipeline.tasks[index]));
  pipeline.tasks = std::move(ordered);
}

}  // namespace millrace
