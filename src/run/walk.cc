#include "run/walk.h"

#include <algorithm>
#include <cstdlib>

#include "base/hash.h"
#include "base/text.h"
#include "run/faulty_sink.h"
#include "run/positions.h"
#include "run/reject_rows.h"
#include "run/routes.h"

namespace millrace {

namespace {

constexpr const char* kRows = "millrace_rows";
// A session is kept from one interval to the next, and what it gathers is bounded.
constexpr int64_t kIntervalsOfSession = 100;

Result<WalkOutput> MakeOutput(const Target& target, const Task& task, ConnectContext& context,
                              std::stop_token stop) {
  WalkOutput output{.target = &target};
  output.sink = WithFailpoints(TRY(target.make(context)), target.connector);
  output.last = TRY(output.sink->LastCommit(task.key, stop));
  return output;
}

// The columns that every bronze table has, the source's own among them.
Sql WithMetadata(const Sql& rows, const Schema& schema, Time now, const std::string& run) {
  std::vector<std::string> ours, theirs;
  for (const char* name : {"_ingested_at", "_source_file", "_run_id"}) {
    if (schema.Find(name) != nullptr) theirs.push_back(name);
  }
  std::string star = theirs.empty() ? "*" : "* EXCLUDE (" + Join(theirs, ", ") + ")";
  std::string source_file = schema.Find("_source_file") ? ", _source_file" : "";
  return {"SELECT " + star + ", " + SqlTime(now) + " AS _ingested_at" + source_file + ", " +
          SqlLiteral(run) + " AS _run_id FROM (" + rows.text + "\n)"};
}

WriteIntent IntentOf(const Interval& interval) {
  const CommitRecord& commit = interval.commit;
  return {.refresh = commit.refresh, .id = commit.id, .now = commit.now};
}

// MILLRACE_LOG=debug: sources tell each request that they send.
bool LogsRequests() {
  const char* level = std::getenv("MILLRACE_LOG");
  return level != nullptr && std::string_view(level) == "debug";
}

}  // namespace

std::optional<Position> Pin::position() const {
  if (!snapshot) return std::nullopt;
  return Position{std::to_string(snapshot->version) + " " + snapshot->table_id};
}

Walk::Walk(RunScope& run, const Task& task, const RunRecord& values, TaskLog& log,
           ProgressBoard::Line& progress)
    : run(run),
      task(task),
      connect_{run.context.env,     run.context.lake,
               run.pipeline.folder, StateFolder(run.context.project),
               values.id,           task.key,
               &run.context.engine, [&log](const std::string& line) { log.Line(line); },
               LogsRequests(),      run.planning,
               [&progress](const std::string& stage, int64_t done, int64_t total) {
                 progress.Work(stage, done, total);
               },
               [this](const std::string& text) {
                 this->run.Tell(Event::Kind::kWarning, this->task, text);
               },
               run.present && !run.present->empty()},
      counts{.run = run.record.id, .task = task.key},
      values_(ValuesOf(values)),
      log_(log),
      progress_(progress),
      stage_("reading"),
      stage_began_(run.Now()) {}

Walk::~Walk() { progress_.Watch(nullptr); }

Result<std::unique_ptr<Walk>> Walk::Begin(RunScope& run, const Task& task, const RunRecord& values,
                                          TaskLog& log, ProgressBoard::Line& progress,
                                          std::stop_token stop) {
  std::unique_ptr<Walk> walk(new Walk(run, task, values, log, progress));
  TRY(walk->MakeEnds(stop));
  TRY(walk->FindPins());
  return walk;
}

Status Walk::MakeEnds(std::stop_token stop) {
  for (const Input& input : task.inputs) {
    auto source = input.make(connect_);
    if (!source.ok()) return source.status().In("input '" + input.name + "'");
    inputs.push_back({.input = &input, .source = std::move(source).value()});
  }
  for (const Target& target : task.targets)
    outputs.push_back(TRY(MakeOutput(target, task, connect_, stop)));
  for (const Target& target : task.rejects)
    rejects.push_back(TRY(MakeOutput(target, task, connect_, stop)));
  return Status::Ok();
}

Status Walk::FindPins() {
  bool by_sql = !task.sql.empty() ||
                std::any_of(task.checks.begin(), task.checks.end(), [](const auto& check) {
                  return !check.table.empty() || !check.query.empty();
                });
  if (!by_sql) return Status::Ok();
  for (const std::string& name : task.reads) {
    Result<TableName> table = ParseTableName(name);
    if (!table.ok() || table->layer == "millrace") continue;
    bool own = std::find(task.writes.begin(), task.writes.end(), name) != task.writes.end();
    Pin pin{.name = name, .table = run.context.lake.Open(*table)};
    Result<Snapshot> snapshot = pin.table->Load();
    if (snapshot.ok()) {
      pin.snapshot = *std::move(snapshot);
    } else if (snapshot.code() != Code::kNotFound || !own) {
      return snapshot.status();
    }
    pins.push_back(std::move(pin));
  }
  return Status::Ok();
}

bool Walk::AllHave(const CommitId& id) const {
  auto has = [&](const WalkOutput& output) { return output.Has(id); };
  // Rejects go first, and where there are none they are not committed.
  return std::all_of(outputs.begin(), outputs.end(), has) &&
         (!outputs.empty() || std::all_of(rejects.begin(), rejects.end(), has));
}

bool Walk::AnyHas(const CommitId& id) const {
  auto has = [&](const WalkOutput& output) { return output.Has(id); };
  return std::any_of(outputs.begin(), outputs.end(), has) ||
         std::any_of(rejects.begin(), rejects.end(), has);
}

bool Walk::TakesRows() const {
  bool rows = std::any_of(outputs.begin(), outputs.end(),
                          [](const auto& output) { return output.sink->TakesRows(); });
  return rows || !rejects.empty() || !task.checks.empty();
}

Status Walk::TakeFiles(const Interval& interval, std::stop_token stop) {
  std::vector<OfferedFile> files;
  WriteIntent intent = IntentOf(interval);
  for (const WalkInput& input : inputs) {
    for (const SourceFile& file : input.info.files) files.push_back({file, input.source.get()});
  }
  for (WalkOutput& output : outputs) {
    if (output.sink->TakesRows() || output.Has(interval.commit.id)) continue;
    TRY(output.sink->Open({}, intent, stop));
    WriteCount count = TRY(output.sink->TakeFiles(files, stop));
    counts.bytes_out += count.bytes;
    Say(output.sink->Target() + ": " + FormatCount(static_cast<int64_t>(files.size())) +
              " files, " + FormatBytes(count.bytes));
  }
  return Status::Ok();
}

// Where a replay reads another version than the newest, that one.
Status Walk::OpenPin(Pin& pin, const Interval& interval) {
  auto end = interval.commit.end.find(pin.name);
  std::optional<Position> wanted;
  if (end != interval.commit.end.end()) wanted = end->second;
  if (wanted == pin.position()) return Status::Ok();
  pin.snapshot.reset();
  if (!wanted) return Status::Ok();
  Result<Snapshot> snapshot = pin.table->Load({.version = std::atoll(wanted->token.c_str())});
  if (snapshot.ok()) pin.snapshot = *std::move(snapshot);
  if (snapshot.ok() && wanted == pin.position()) return Status::Ok();
  if (!snapshot.ok() && snapshot.code() != Code::kNotFound) return snapshot.status();
  return Invalid("version " + wanted->token.substr(0, wanted->token.find(' ')) + " of " + pin.name +
                 " is not there any more");
}

Status Walk::DefinePins(std::stop_token stop) {
  for (const Pin& pin : pins) {
    if (pin.snapshot) {
      TRY(session_->Define(pin.name, TRY(pin.table->Scan(*session_, *pin.snapshot))));
    } else if (task.schema) {
      TRY(session_->DefineEmpty(pin.name, *task.schema));
    } else {
      return NotFound("table " + pin.name + " does not exist yet");
    }
  }
  return DefineStoreTables(*session_, run.store, run.context.lake, task.reads, stop);
}

Result<Sql> Walk::Transform(const Interval& interval, std::stop_token stop) {
  if (session_intervals_++ % kIntervalsOfSession == 0) {
    session_ = TRY(run.context.engine.Open(task.key));
    progress_.Watch(session_.get());
  }
  uint64_t seed = std::stoull(
      Sha256Hex(task.key + "#" + std::to_string(interval.commit.id.sequence)).substr(0, 15),
      nullptr, 16);
  TRY(session_->FixTime(interval.commit.now, seed));
  if (TriesRejectsAgain(interval)) {
    TRY(DefinePins(stop));
    return RejectsToTry(interval, stop);
  }
  for (WalkInput& input : inputs) {
    Status status = BindInput(input, stop);
    if (!status.ok()) return status.In("input '" + input.input->name + "'");
  }
  TRY(DefinePins(stop));
  return TaskSql();
}

Result<Checked> Walk::Check(const Sql& rows, std::stop_token stop) {
  if (task.checks.empty()) return Checked{.accepted_rows = rows};
  Stage("checking");
  Checked checked = TRY(RunChecks(task.checks, *session_, rows, "millrace_check_", stop));
  dropped_ = checked.dropped;
  TRY(Record(checked));
  // Nothing of the task is committed when a gate says no.
  if (!checked.verdict.ok()) return checked.verdict;
  return checked;
}

Status Walk::Record(const Checked& checked) {
  for (const CheckOutcome& outcome : checked.outcomes) {
    const millrace::Check& check = *outcome.check;
    int64_t& failed_rows = failed_rows_[check.name];
    failed_rows += outcome.failed_rows;
    if (checked.verdict.ok() && !IsTimeToTell()) continue;
    const char* on_fail = check.on_fail == OnFail::kFail         ? "fail"
                          : check.on_fail == OnFail::kQuarantine ? "quarantine"
                                                                 : "drop";
    TRY(run.store.AddCheck({.run = run.record.id,
                            .task = task.key,
                            .check = check.name,
                            .severity = check.severity == CheckSeverity::kWarn ? "warn" : "error",
                            .on_fail = on_fail,
                            .passed = outcome.passed,
                            .failed_rows = failed_rows,
                            .detail = outcome.detail}));
    std::string result = check.name + (outcome.passed ? " passed" : " failed: " + outcome.detail);
    log_.Line("check " + result);
    if (!outcome.passed) run.Tell(Event::Kind::kCheckFailed, task, result);
  }
  return Status::Ok();
}

Status Walk::Write(const Checked& checked, const Interval& interval, std::stop_token stop) {
  Stage("writing");
  Sql rows = checked.accepted_rows;
  size_t readers = std::count_if(outputs.begin(), outputs.end(), [&](const auto& output) {
    return output.sink->TakesRows() && !output.Has(interval.commit.id);
  });
  bool routed = std::ranges::any_of(task.targets, [](const Target& target) {
    return target.otherwise || !target.when.empty();  // it may take none, and all are to be read
  });
  // Computed once, however many targets read it.
  if ((readers > 1 || routed) && task.checks.empty()) {
    TRY(session_->Materialize(kRows, rows, stop));
    rows = {std::string("SELECT * FROM ") + kRows};
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].sink->TakesRows() || outputs[i].Has(interval.commit.id)) continue;
    Status status =
        WriteOutput(outputs[i], RowsFor(task.targets, i, rows, values_), interval, stop);
    if (!status.ok()) return status.In(outputs[i].sink->Target());
  }
  return Status::Ok();
}

Status Walk::WriteOutput(WalkOutput& output, Sql rows, const Interval& interval,
                         std::stop_token stop) {
  Schema schema = TRY(SchemaOf(*session_, rows));
  if (AddsMetadata(task, *output.target)) {
    rows = WithMetadata(rows, schema, interval.commit.now, interval.commit.run);
    schema = TRY(SchemaOf(*session_, rows));
  }
  WriteIntent intent = IntentOf(interval);
  intent.takes_rejects = !rejects.empty();
  for (const WalkInput& input : inputs) {
    intent.replaced_files.insert(intent.replaced_files.end(), input.info.rewritten.begin(),
                                 input.info.rewritten.end());
  }
  TRY(output.sink->Open(schema, intent, stop));
  WriteCount count = TRY(output.sink->WriteFrom(*session_, rows, stop));
  counts.rows_out += count.rows;
  counts.bytes_out += count.bytes;
  if (count.discarded) discarded_.push_back(*count.discarded);
  progress_.Rows(counts.rows_out);
  Say(output.sink->Target() + ": " + FormatCount(count.rows) + " rows, " +
            FormatBytes(count.bytes));
  return Status::Ok();
}

Status Walk::WriteRejects(const Checked& checked, const Interval& interval, std::stop_token stop) {
  std::vector<Sql> parts;
  if (!TriesRejectsAgain(interval) || decoded_again_) parts = TRY(DecodeRejects());
  if (rejects.empty()) {
    counts.rows_rejected = checked.rejected;
    return RefuseRejects(*session_, parts, stop);
  }
  if (checked.rejected_rows) parts.push_back(*checked.rejected_rows);
  for (const Sql& part : discarded_) parts.push_back(part);

  Schema rows = TRY(SchemaOf(*session_, checked.accepted_rows));
  Sql all = TRY(RejectRows(*session_, rows, parts, interval.commit.now, interval.commit.run));
  Schema schema = TRY(SchemaOf(*session_, all));
  for (WalkOutput& output : rejects) {
    if (output.Has(interval.commit.id)) continue;
    TRY(output.sink->Open(schema, IntentOf(interval), stop));
    WriteCount count = TRY(output.sink->WriteFrom(*session_, all, stop));
    counts.rows_rejected = count.rows;
    output.nothing = count.rows == 0 && !interval.commit.refresh;
    Say(output.sink->Target() + ": " + FormatCount(count.rows) + " rows put aside");
  }
  return Status::Ok();
}

Status Walk::Count() {
  Stage("committing");
  // Rows that nobody counted on the way in are those that came out.
  if (counts.rows_in == 0 && task.sql.empty())
    counts.rows_in = counts.rows_out + counts.rows_rejected + dropped_;
  return IsTimeToTell() ? run.store.UpdateTask(Totals()) : Status::Ok();
}

TaskRecord Walk::Totals() const {
  TaskRecord totals = counts;
  totals.rows_in += before_.rows_in;
  totals.rows_out += before_.rows_out;
  totals.rows_rejected += before_.rows_rejected;
  totals.bytes_in += before_.bytes_in;
  totals.bytes_out += before_.bytes_out;
  return totals;
}

std::optional<Time> Walk::Oldest() const {
  std::optional<Time> oldest;
  for (const WalkInput& input : inputs) {
    std::optional<Time> one = input.source->Info().oldest;
    if (one && (!oldest || *one < *oldest)) oldest = one;
  }
  return oldest;
}

Result<std::vector<Lag>> Walk::Lags(const CommitRecord& commit, std::stop_token stop) {
  std::vector<Lag> all;
  for (WalkInput& input : inputs) {
    auto end = commit.end.find(input.input->name);
    if (end == commit.end.end()) continue;
    std::vector<Lag> lags = TRY(input.source->Lags(end->second, stop));
    all.insert(all.end(), lags.begin(), lags.end());
  }
  return all;
}

bool Walk::IsTimeToTell() const {
  return tell_every_.count() == 0 || run.Now() >= told_ + tell_every_;
}

void Walk::Say(const std::string& line) {
  if (IsTimeToTell()) log_.Line(line);
}

void Walk::Stream(const RangeLimit& limit, const TaskRecord& before, Micros tell_every) {
  before_ = before;
  Limit(limit);
  tell_every_ = tell_every;
}

void Walk::Limit(const RangeLimit& limit) {
  for (WalkInput& input : inputs) input.source->SetLimit(limit);
}

void Walk::Next() {
  if (IsTimeToTell()) told_ = run.Now();
  before_ = Totals();
  counts = TaskRecord{.run = counts.run, .task = counts.task};
  discarded_.clear();
  dropped_ = 0;
  Stage("reading");
}

Status Walk::Plan(const Interval& interval) {
  std::vector<FileRecord> files;
  for (const WalkInput& input : inputs) {
    for (const SourceFile& file : input.info.files) {
      files.push_back({.task = task.key,
                       .input = input.input->name,
                       .path = file.path,
                       .size = file.size,
                       .modified = file.modified,
                       .sha256 = file.sha256,
                       .run = interval.commit.run});
    }
  }
  if (!files.empty()) TRY(run.store.AddFiles(files));
  if (interval.replay) return Status::Ok();
  return run.store.PlanCommit(interval.commit);
}

Status Walk::Commit(WalkOutput& output, const Interval& interval, std::stop_token stop) {
  if (output.Has(interval.commit.id)) return Status::Ok();
  CommitInfo info{.id = interval.commit.id,
                  .position = WritePosition(interval.commit),
                  .now = interval.commit.now};
  Status status = output.sink->Commit(info, stop);
  if (!status.ok()) return status.In(output.sink->Target());
  output.last = Committed{info.id.sequence, info.position};
  return status;
}

Status Walk::CommitRejects(const Interval& interval, std::stop_token stop) {
  for (WalkOutput& output : rejects) {
    // A stream would write an empty commit with each batch.
    bool leave_out = run.streams != nullptr && output.nothing && output.last && !outputs.empty();
    if (!leave_out) TRY(Commit(output, interval, stop));
  }
  return Status::Ok();
}

Status Walk::CommitTargets(const Interval& interval, std::stop_token stop) {
  for (WalkOutput& output : outputs) TRY(Commit(output, interval, stop));
  return Status::Ok();
}

// Before the commit is finished: a crash between them records them once more.
Status Walk::RecordOutputs(const Interval& interval) {
  for (WalkOutput& output : outputs) {
    std::vector<OutputRecord> left = TRY(output.sink->Outputs(interval.commit.id));
    for (OutputRecord& each : left) {
      each.run = run.record.id;
      each.task = task.key;
      each.sequence = interval.commit.id.sequence;
    }
    TRY(run.store.AddOutputs(left));
    // Of a stream those of the newest commit.
    if (!left.empty()) left_outside = std::move(left);
  }
  return Status::Ok();
}

Status Walk::Finish(const Interval& interval) {
  TRY(RecordOutputs(interval));
  TRY(run.store.FinishCommit(interval.commit.id, run.Now()));
  Stage("");
  for (const auto& [stage, seconds] : seconds_) {
    if (!IsTimeToTell()) break;
    if (stage.empty()) continue;
    TRY(run.store.AddMetric({run.record.id, task.key, "seconds_" + stage, seconds}));
  }
  return Acknowledge(interval);
}

Status Walk::Acknowledge(const Interval& interval) {
  for (WalkInput& input : inputs) {
    auto end = interval.commit.end.find(input.input->name);
    if (end != interval.commit.end.end()) TRY(input.source->Acknowledge(end->second));
  }
  return Status::Ok();
}

void Walk::Stage(const std::string& name) {
  Time now = run.Now();
  seconds_[stage_] += std::chrono::duration<double>(now - stage_began_).count();
  stage_ = name;
  stage_began_ = now;
  progress_.Stage(name);
}

}  // namespace millrace
