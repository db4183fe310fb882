#include "run/interval.h"

#include <algorithm>

#include "base/text.h"
#include "run/positions.h"
#include "run/walk.h"

namespace millrace {

namespace {

constexpr const char* kReadAgain = "`--full-refresh` reads everything again and replaces it";

bool IsIncremental(const Task& task) {
  return std::any_of(task.inputs.begin(), task.inputs.end(),
                     [](const Input& input) { return input.incremental; });
}

bool IsStore(const std::string& table) { return ToLower(table).starts_with("millrace."); }

// How the targets stand to the newest commit of the store.
struct Standing {
  int64_t newest = 0;                // of all targets
  std::vector<std::string> without;  // targets that have nothing of this task
  std::vector<std::string> behind;   // targets that have some, but not all
};

Standing StandingOf(const Walk& walk, int64_t sequence) {
  Standing standing;
  for (const WalkOutput& output : walk.outputs) {
    int64_t has = output.last ? output.last->sequence : 0;
    standing.newest = std::max(standing.newest, has);
    if (has == 0)
      standing.without.push_back(output.sink->Target());
    else if (has < sequence)
      standing.behind.push_back(output.sink->Target());
  }
  return standing;
}

// The store was lost, or is an older copy: carry on from what the targets remember.
Result<Decision> Adopt(const Walk& walk, const CommitId& id, const Wishes& wishes) {
  Decision decision{.kind = Decision::Kind::kAdopt};
  std::string where;
  Result<CommitRecord> kept = Invalid("no target kept its position");
  bool all = true;
  for (const WalkOutput& output : walk.outputs) {
    if (!output.Has(id))
      all = false;
    else
      where = output.sink->Target();
    if (output.Has(id) && !kept.ok()) kept = ReadPosition(id, output.last->position);
  }
  decision.warning = where + " has commit " + std::to_string(id.sequence) + " of " + id.task +
                     ", which the store does not know: carrying on from there";
  // Who reads everything anyway needs the number only.
  bool number_only = wishes.full_refresh || !IsIncremental(walk.task);
  if (number_only) {
    decision.interval.commit = {.id = id, .run = walk.run.record.id, .now = walk.run.Now()};
    return decision;
  }
  if (!kept.ok() || !all) {
    return Invalid(where + " has commit " + std::to_string(id.sequence) + " of " + id.task +
                       ", which the store does not know, and " +
                       (all ? kept.status().message() : "other targets of the task do not have it"),
                   std::string("bring the store's file back, or ") + kReadAgain);
  }
  decision.interval.commit = *std::move(kept);
  return decision;
}

Decision CompleteOrAbandon(const Walk& walk, const CommitRecord& planned, const Wishes& wishes) {
  bool same = planned.definition == walk.task.definition;
  if (walk.AnyHas(planned.id) && wishes.full_refresh) {
    return {
        .kind = Decision::Kind::kSupersede, .reason = "full refresh", .interval = {planned, true}};
  }
  if (!walk.AnyHas(planned.id) && (!same || wishes.full_refresh)) {
    return {.kind = Decision::Kind::kAbandon,
            .reason = "what run " + planned.run + " planned is given up",
            .interval = {planned, true}};
  }
  Decision decision{.kind = Decision::Kind::kComplete,
                    .reason = "run " + planned.run + " ended before it was committed",
                    .interval = {planned, true}};
  // One target has the rows already. The others get the range once, too, though by the definition
  // of today.
  if (!same && !walk.AllHave(planned.id)) {
    decision.warning =
        "the definition changed while commit " + std::to_string(planned.id.sequence) +
        " was unfinished: the targets that lack it get its rows by the new definition";
  }
  return decision;
}

// Everything that stands where the last commit ended makes the list empty.
std::vector<std::string> Changes(const Walk& walk, const CommitRecord& last,
                                 const CommitRecord& next) {
  std::vector<std::string> changes;
  bool streams = walk.run.streams != nullptr;
  for (const WalkInput& input : walk.inputs) {
    if (streams && !input.input->incremental) continue;  // only what streams brings a batch about
    const std::string& name = input.input->name;
    auto before = last.end.find(name), now = next.end.find(name);
    if (before != last.end.end() && before->second == now->second) continue;
    const std::string& reads = input.input->traits.reads;
    changes.push_back(ParseTableName(reads).ok() ? reads + " has a new version"
                                                 : "input '" + name + "' has new data");
  }
  for (const Pin& pin : walk.pins) {
    if (streams) break;
    bool own = std::find(walk.task.writes.begin(), walk.task.writes.end(), pin.name) !=
               walk.task.writes.end();
    auto before = last.end.find(pin.name), now = next.end.find(pin.name);
    if (own || now == next.end.end()) continue;  // its own commits are no news to it
    if (before != last.end.end() && before->second == now->second) continue;
    std::string change = pin.name + " has a new version";
    if (std::find(changes.begin(), changes.end(), change) == changes.end())
      changes.push_back(change);
  }
  return changes;
}

// Why it runs whatever its inputs are; "": only if they changed.
std::string StandingReason(const Walk& walk, const std::optional<CommitRecord>& last,
                           const Wishes& wishes) {
  if (wishes.full_refresh) return "full refresh";
  if (wishes.force) return "forced";
  if (walk.OnlyChecks() || walk.outputs.empty()) return "it has no target";
  for (const std::string& table : walk.task.reads) {
    if (IsStore(table)) return "it reads " + table;
  }
  return last ? "" : "first run";
}

Status CheckTargets(const Walk& walk, const Standing& standing, bool same_definition) {
  std::vector<std::string> lost = standing.behind;
  bool some_lack_all = !standing.without.empty() && standing.without.size() < walk.outputs.size();
  if (same_definition && some_lack_all) {
    lost.insert(lost.end(), standing.without.begin(), standing.without.end());
  }
  if (lost.empty()) return Status::Ok();
  return Invalid(
      Join(lost, " and ") + " lost rows that the task wrote: it was restored, or removed",
      std::string(kReadAgain));
}

// The range and the present of the next commit.
Result<CommitRecord> NextCommit(Walk& walk, const std::optional<CommitRecord>& last,
                                bool from_start, bool refresh, std::stop_token stop) {
  CommitRecord next{.id = {walk.task.key, last ? last->id.sequence + 1 : 1},
                    .run = walk.run.record.id,
                    .now = walk.run.PresentOf(walk.task.key),
                    .definition = walk.task.definition,
                    .refresh = refresh};
  for (WalkInput& input : walk.inputs) {
    const std::string& name = input.input->name;
    std::optional<Position> begin;
    if (input.input->incremental && last && !from_start && last->end.contains(name))
      begin = last->end.at(name);
    auto latest = input.source->Latest(begin, stop);
    if (!latest.ok()) return latest.status().In("input '" + name + "'");
    next.end[name] = *std::move(latest);
    if (begin) next.begin[name] = *std::move(begin);
  }
  for (const Pin& pin : walk.pins) {
    if (pin.snapshot) next.end[pin.name] = *pin.position();
  }
  if (last && last->end.contains(kRejectsInput))
    next.begin[kRejectsInput] = next.end[kRejectsInput] = last->end.at(kRejectsInput);
  return next;
}

// What is taken is removed, and nothing came since.
bool NothingThere(const Walk& walk, const CommitRecord& next) {
  return !walk.inputs.empty() && std::ranges::all_of(walk.inputs, [&](const WalkInput& input) {
    return input.input->traits.empties && next.end.at(input.input->name).token.empty();
  });
}

// What the inputs are told once more is what was committed: in a stream, an input that brings no
// batch about may have news that nobody took.
Decision Skip(std::string reason, const std::optional<CommitRecord>& last) {
  Decision decision{.kind = Decision::Kind::kSkip, .reason = std::move(reason)};
  if (last) decision.interval.commit = *last;
  return decision;
}

}  // namespace

bool TriesRejectsAgain(const Interval& interval) {
  auto begin = interval.commit.begin.find(kRejectsInput);
  auto end = interval.commit.end.find(kRejectsInput);
  if (end == interval.commit.end.end()) return false;
  return begin == interval.commit.begin.end() || begin->second != end->second;
}

Result<Decision> DecideOnRejects(Walk& walk, std::stop_token) {
  std::optional<CommitRecord> last = TRY(walk.run.store.LastCommit(walk.task.key));
  if (last && !last->finished) return CompleteOrAbandon(walk, *last, {});
  bool replaces = std::any_of(walk.task.targets.begin(), walk.task.targets.end(),
                              [](const Target& target) { return target.traits.replaces; });
  if (replaces) {
    return Invalid("each run of " + walk.task.key + " replaces all rows of its targets",
                   "run it again with --force: what fits now is taken then");
  }
  std::unique_ptr<Table> table = TRY(RejectsTable(walk.run, walk.task));
  Decision decision{.reason = "nothing was put aside since"};
  Result<Snapshot> now = table->Load();
  if (!now.ok() && now.code() != Code::kNotFound) return now.status();
  if (!now.ok() || !last) return decision;
  CommitRecord next = *last;
  next.id.sequence += 1;
  next.run = walk.run.record.id;
  next.now = walk.run.Now();
  next.refresh = next.finished = false;
  next.begin = last->end;
  next.end[kRejectsInput] = Position{std::to_string(now->version)};
  decision.interval.commit = std::move(next);
  if (!TriesRejectsAgain(decision.interval)) return decision;
  decision.kind = Decision::Kind::kRun;
  decision.reason = "rows put aside are tried again";
  return decision;
}

Result<Decision> Decide(Walk& walk, const Wishes& wishes, std::stop_token stop) {
  std::optional<CommitRecord> last = TRY(walk.run.store.LastCommit(walk.task.key));
  Standing standing = StandingOf(walk, last ? last->id.sequence : 0);
  if (standing.newest > (last ? last->id.sequence : 0)) {
    return Adopt(walk, {walk.task.key, standing.newest}, wishes);
  }
  if (last && !last->finished) return CompleteOrAbandon(walk, *last, wishes);

  bool incremental = IsIncremental(walk.task);
  bool same = last && last->definition == walk.task.definition;
  bool nothing_there = !walk.outputs.empty() && standing.without.size() == walk.outputs.size();
  if (last && incremental && !wishes.full_refresh) TRY(CheckTargets(walk, standing, same));

  Decision decision{.kind = Decision::Kind::kRun, .reason = StandingReason(walk, last, wishes)};
  decision.interval.commit =
      TRY(NextCommit(walk, last, nothing_there || wishes.full_refresh, wishes.full_refresh, stop));
  if (!wishes.force && !wishes.full_refresh && NothingThere(walk, decision.interval.commit))
    return Skip("nothing is there", last);
  std::vector<std::string> changes;
  if (last) changes = Changes(walk, *last, decision.interval.commit);
  if (last && incremental && !same && !nothing_there) {
    decision.warning =
        "the definition changed: it applies to new rows only (" + std::string(kReadAgain) + ")";
  }
  if (!decision.reason.empty()) return decision;

  bool only_new_rows = incremental && !nothing_there;
  if (nothing_there)
    decision.reason = standing.without.front() + " has nothing of this task";
  else if (!standing.without.empty() || !standing.behind.empty())
    decision.reason = "a target lacks its rows";
  else if (!same && !only_new_rows)
    decision.reason = "its definition changed";
  else if (!changes.empty())
    decision.reason = Join(changes, ", ");
  if (!decision.reason.empty()) return decision;
  Decision skip = Skip(
      same ? "nothing changed" : "no new rows, and its changed definition applies to these only",
      last);
  skip.warning = std::move(decision.warning);
  return skip;
}

}  // namespace millrace
