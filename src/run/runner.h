// What Runner's ways of running share.
#pragma once

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "run/faulty_store.h"
#include "run/progress.h"
#include "run/run.h"
#include "run/run_graph.h"
#include "run/run_scope.h"
#include "run/scheduler.h"

namespace millrace {

struct Runner::State {
  explicit State(RunContext context)
      : context(context),
        store(WithFailpoints(context.store)),
        announcer(context.observer, context.env.clock),
        board(context.env.clock) {}

  Time Now() const { return context.env.clock.Now(); }
  // Fills in the record: the pipeline's name, and paths among its params.
  Result<Pipeline> Load(const std::string& file, RunRecord& record);
  // Runs the graph of a run that is in the store.
  Outcome Work(const RunRecord& record, const Pipeline& pipeline, std::vector<GraphTask> graph,
               int parallel, std::stop_token stop, StreamControl* streams = nullptr);
  // A run as it is asked for; without its pipeline's name.
  RunRecord Describe(const std::string& file, const RunOptions& options) const;
  // For whoever holds the pipeline's lock, or leads its members: what a dead process left as
  // running, has failed.
  Status BuryDead(const std::string& pipeline, Membership* membership = nullptr);
  Status Create(const RunRecord& record, const Pipeline& pipeline,
                const std::vector<GraphTask>& graph);
  Outcome End(RunScope& run, const std::vector<GraphNode>& nodes, Status failure,
              std::stop_token stop);

  RunContext context;
  std::map<std::string, Time> present;  // by task, of a run that is repeated
  std::unique_ptr<Store> store;
  Announcer announcer;
  ProgressBoard board;
};

}  // namespace millrace
