#include "run/run_graph.h"

#include <map>
#include <set>

#include "base/text.h"

namespace millrace {

namespace {

std::string ShortKey(const Pipeline& pipeline, const Task& task) {
  return task.key.substr(pipeline.name.size() + 1);
}

std::vector<GraphTask> Connect(std::vector<GraphTask> graph) {
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < graph.size(); ++i) index[graph[i].task->key] = i;
  for (GraphTask& task : graph) {
    for (const std::string& key : task.task->upstream) {
      if (auto found = index.find(key); found != index.end())
        task.upstream.push_back(found->second);
    }
  }
  return graph;
}

}  // namespace

Result<std::vector<GraphTask>> ChooseTasks(const Pipeline& pipeline,
                                           const std::vector<std::string>& names) {
  std::set<std::string> unmet(names.begin(), names.end());
  std::vector<GraphTask> graph;
  std::vector<std::string> known;
  for (const Task& task : pipeline.tasks) {
    bool wanted = names.empty();
    for (const std::string& name : names) {
      if (name != task.name && name != task.key && name != ShortKey(pipeline, task)) continue;
      wanted = true;
      unmet.erase(name);
    }
    if (wanted) graph.push_back({.task = &task});
    known.push_back(ShortKey(pipeline, task));
    if (known.back() != task.name) known.push_back(task.name);
  }
  if (!unmet.empty()) {
    std::string closest = Closest(*unmet.begin(), known);
    return NotFound(
        "pipeline " + pipeline.name + " has no task '" + *unmet.begin() + "'",
        closest.empty() ? "it has " + Join(known, ", ") : "did you mean '" + closest + "'?");
  }
  return Connect(std::move(graph));
}

Result<std::vector<GraphTask>> GraphOf(const Pipeline& pipeline,
                                       const std::vector<TaskRecord>& tasks) {
  std::vector<GraphTask> graph;
  for (const TaskRecord& record : tasks) {
    const Task* task = pipeline.Find(record.task);
    if (task == nullptr) {
      return Invalid("the pipeline has no task " + record.task + " any more, and the run needs it",
                     "start another run");
    }
    graph.push_back({.task = task, .state = record.state});
  }
  return Connect(std::move(graph));
}

std::vector<TaskRecord> RecordsOf(const RunId& run, const std::vector<GraphTask>& graph) {
  std::vector<TaskRecord> records;
  for (const GraphTask& task : graph) {
    TaskRecord record{.run = run, .task = task.task->key};
    for (size_t up : task.upstream) record.after.push_back(graph[up].task->key);
    records.push_back(std::move(record));
  }
  return records;
}

Status CheckRefreshable(const Pipeline& pipeline, const std::vector<GraphTask>& graph) {
  std::map<std::string, std::vector<std::string>> writers;
  for (const Task& task : pipeline.tasks) {
    for (const std::string& table : task.writes) writers[table].push_back(ShortKey(pipeline, task));
  }
  for (const GraphTask& task : graph) {
    for (const std::string& table : task.task->writes) {
      if (writers[table].size() < 2) continue;
      return Invalid(
          "a full refresh would remove rows of others from " + table + ": " +
              Join(writers[table], ", ") + " write to it",
          "remove the table, and run without it: each task then writes all its rows again");
    }
  }
  return Status::Ok();
}

}  // namespace millrace
