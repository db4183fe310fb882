// The walk over all tasks of all pipelines, each after those whose tables it reads.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "pipeline/graph.h"
#include "pipeline/pipeline.h"
#include "pipeline/shapes.h"
#include "pipeline/validate.h"

namespace millrace {
namespace {

struct Step {
  Pipeline* pipeline;
  Task* task;
  std::vector<size_t> waits_for;
};

// All tasks; a task waits for the writers of what it reads, in whichever pipeline they are.
std::vector<Step> AllSteps(const std::vector<Pipeline*>& pipelines, const Shapes& shapes) {
  std::vector<Step> steps;
  std::map<const Task*, size_t> index;
  for (Pipeline* pipeline : pipelines) {
    for (Task& task : pipeline->tasks) {
      index[&task] = steps.size();
      steps.push_back({pipeline, &task, {}});
    }
  }
  for (Step& step : steps) {
    for (const std::string& table : AllReads(*step.task)) {
      for (const Writer& writer : shapes.WritersOf(table)) {
        if (writer.task != step.task) step.waits_for.push_back(index.at(writer.task));
      }
    }
  }
  return steps;
}

// Two pipelines may read each other's tables: where they do, the one that comes first in the list
// goes on with what the lake has.
std::vector<size_t> Order(const std::vector<Step>& steps) {
  std::vector<size_t> missing(steps.size()), order;
  std::vector<std::vector<size_t>> waiting(steps.size());
  std::set<size_t> ready, blocked;
  for (size_t i = 0; i < steps.size(); ++i) {
    missing[i] = steps[i].waits_for.size();
    for (size_t other : steps[i].waits_for) waiting[other].push_back(i);
    (missing[i] == 0 ? ready : blocked).insert(i);
  }
  while (!ready.empty() || !blocked.empty()) {
    std::set<size_t>& from = ready.empty() ? blocked : ready;
    size_t next = *from.begin();
    from.erase(from.begin());
    order.push_back(next);
    for (size_t other : waiting[next]) {
      if (--missing[other] == 0 && blocked.erase(other)) ready.insert(other);
    }
  }
  return order;
}

// By pipeline and key: two files may have one name, an old one and its successor.
using SqlByTask = std::map<std::pair<const Pipeline*, std::string>, TaskSql>;

SqlByTask ReadAllSql(const std::vector<Pipeline*>& pipelines, CheckSession& session,
                     Diagnostics& diagnostics) {
  SqlByTask sql;
  std::vector<std::string> statements;
  for (Pipeline* pipeline : pipelines) {
    for (const Task& task : pipeline->tasks) {
      SqlText text = ResolveTaskSql(task, diagnostics);
      if (!text.empty() && !text.broken()) statements.push_back(text.text());
      sql[{pipeline, task.key}].sql = std::move(text);
    }
  }
  session.ReadAhead(statements);
  Shapes names(pipelines, session);
  for (Pipeline* pipeline : pipelines) {
    for (Task& task : pipeline->tasks) {
      TaskSql& read = sql[{pipeline, task.key}];
      read = ReadTaskSql(task, std::move(read.sql), names, session, diagnostics);
    }
    BuildGraph(*pipeline, diagnostics);
  }
  return sql;
}

}  // namespace

void CheckPipelines(std::vector<Pipeline*> pipelines, CheckContext& context,
                    Diagnostics& diagnostics) {
  if (pipelines.empty()) return;
  CheckSession session(context);
  SqlByTask sql = ReadAllSql(pipelines, session, diagnostics);
  // Only now, with the tasks in their places.
  Shapes shapes(pipelines, session);
  std::vector<Step> steps = AllSteps(pipelines, shapes);
  bool complete = std::all_of(pipelines.begin(), pipelines.end(),
                              [](const Pipeline* pipeline) { return pipeline->faulty.empty(); });
  for (size_t index : Order(steps)) {
    const Step& step = steps[index];
    CheckTask(*step.pipeline, *step.task, sql[{step.pipeline, step.task->key}], complete, shapes,
              session, diagnostics);
    shapes.AddOutputs(*step.task);
  }
}

}  // namespace millrace
