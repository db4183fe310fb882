#include <set>

#include "base/text.h"
#include "connect/landing/landing.h"
#include "run/rows_builder.h"
#include "run/run.h"
#include "store/tables.h"

namespace millrace {

namespace {

constexpr int kRuns = 1000;

// "flights/bronze[table=planes]" is named "bronze[table=planes]".
std::string_view NameOf(std::string_view task) { return task.substr(task.find('/') + 1); }

Status FillRuns(RowsBuilder& out, const std::vector<RunRecord>& runs) {
  for (const RunRecord& run : runs) {
    out.Text(run.id)
        .Text(run.pipeline)
        .Text(run.pipeline_file)
        .Text(Name(run.state))
        .When(run.started)
        .When(run.ended);
    out.When(run.logical_date).When(run.interval_start).When(run.interval_end);
    out.Flag(run.force).Flag(run.full_refresh).Text(run.error);
  }
  return Status::Ok();
}

Status FillTasks(RowsBuilder& out, Store& store, const std::vector<RunRecord>& runs) {
  for (const RunRecord& run : runs) {
    for (const TaskRecord& task : TRY(store.Tasks(run.id))) {
      out.Text(run.id)
          .Text(run.pipeline)
          .Text(task.task)
          .Text(NameOf(task.task))
          .Text(Name(task.state));
      out.Int(task.attempt).When(task.started).When(task.ended).Text(task.reason);
      out.Int(task.rows_in)
          .Int(task.rows_out)
          .Int(task.rows_rejected)
          .Int(task.bytes_in)
          .Int(task.bytes_out);
    }
  }
  return Status::Ok();
}

Status FillChecks(RowsBuilder& out, Store& store, const std::vector<RunRecord>& runs) {
  for (const RunRecord& run : runs) {
    for (const CheckRecord& check : TRY(store.Checks(run.id))) {
      out.Text(run.id)
          .Text(check.task)
          .Text(NameOf(check.task))
          .Text(check.check)
          .Text(check.severity);
      out.Text(check.on_fail).Flag(check.passed).Int(check.failed_rows).Text(check.detail);
    }
  }
  return Status::Ok();
}

Status FillCommits(RowsBuilder& out, Store& store, const std::vector<RunRecord>& runs) {
  for (const RunRecord& run : runs) {
    for (const CommitRecord& commit : TRY(store.Commits(run.id))) {
      out.Text(run.id)
          .Text(commit.id.task)
          .Text(NameOf(commit.id.task))
          .Int(commit.id.sequence)
          .When(commit.now);
      out.Text(commit.definition).Flag(commit.refresh).Flag(commit.finished);
    }
  }
  return Status::Ok();
}

Status FillMetrics(RowsBuilder& out, Store& store, const std::vector<RunRecord>& runs) {
  for (const RunRecord& run : runs) {
    for (const MetricRecord& metric : TRY(store.Metrics(run.id))) {
      out.Text(run.id)
          .Text(metric.task)
          .Text(NameOf(metric.task))
          .Text(metric.name)
          .Real(metric.value);
    }
  }
  return Status::Ok();
}

Status FillOutputs(RowsBuilder& out, Store& store, const std::vector<RunRecord>& runs) {
  for (const RunRecord& run : runs) {
    for (const OutputRecord& output : TRY(store.Outputs(run.id))) {
      out.Text(run.id).Text(output.task).Text(NameOf(output.task)).Int(output.sequence);
      out.Text(output.kind).Text(output.cid).Int(output.size).Int(output.files);
      out.Text(output.target).Text(output.location).Text(output.links);
    }
  }
  return Status::Ok();
}

Status FillLineage(RowsBuilder& out, Store& store) {
  for (const LineageRecord& record : TRY(store.Lineage())) {
    out.Text(record.pipeline)
        .Text(record.task)
        .Text(NameOf(record.task))
        .Text(record.table)
        .Flag(record.written);
  }
  return Status::Ok();
}

Status FillFiles(RowsBuilder& out, Store& store, const std::vector<RunRecord>& runs) {
  std::set<std::string> seen;
  for (const RunRecord& run : runs) {
    for (const TaskRecord& task : TRY(store.Tasks(run.id))) {
      if (!seen.insert(task.task).second) continue;
      for (const FileRecord& file : TRY(store.Files(task.task))) {
        out.Text(file.run)
            .Text(file.task)
            .Text(NameOf(file.task))
            .Text(file.input)
            .Text(file.path)
            .Int(file.size);
        out.When(file.modified).Text(file.sha256);
      }
    }
  }
  return Status::Ok();
}

Status FillLanding(RowsBuilder& out, Storage& storage) {
  for (const std::string& name : TRY(landing::Landings(storage))) {
    landing::Contents contents = TRY(landing::Load(storage, name));
    for (const auto& [file, versions] : contents.files) {
      for (const landing::LandedFile& landed : versions) {
        if (landed.removed) continue;
        out.Text(name)
            .Text(file)
            .Text(landed.sha256)
            .Int(landed.size)
            .When(landed.modified)
            .Text(landed.from);
        out.When(landed.landed).Text(landed.run).Text(landed.task).Int(landed.version);
      }
    }
  }
  return Status::Ok();
}

Status Fill(std::string_view table, RowsBuilder& out, Store& store, Lake& lake) {
  if (table == "millrace.landing") return FillLanding(out, lake.storage());
  if (table == "millrace.lineage") return FillLineage(out, store);
  std::vector<RunRecord> runs = TRY(store.Runs("", kRuns));
  if (table == "millrace.runs") return FillRuns(out, runs);
  if (table == "millrace.tasks") return FillTasks(out, store, runs);
  if (table == "millrace.checks") return FillChecks(out, store, runs);
  if (table == "millrace.commits") return FillCommits(out, store, runs);
  if (table == "millrace.metrics") return FillMetrics(out, store, runs);
  if (table == "millrace.outputs") return FillOutputs(out, store, runs);
  if (table == "millrace.files") return FillFiles(out, store, runs);
  return Internal("nobody fills " + std::string(table));
}

}  // namespace

Status DefineStoreTables(Session& session, Store& store, Lake& lake,
                         const std::vector<std::string>& tables, std::stop_token stop) {
  for (const std::string& name : tables) {
    const StoreTable* table = FindStoreTable(name);
    if (table == nullptr) continue;
    RowsBuilder rows(table->schema);
    TRY(Fill(table->name, rows, store, lake));
    // Bound rows are read once; a statement may name the table twice.
    std::string kept = "millrace_" + std::string(table->name.substr(table->name.find('.') + 1));
    TRY(session.Bind(kept + "_once", TRY(rows.Finish()), stop));
    TRY(session.Materialize(kept, {"SELECT * FROM " + SqlName(kept + "_once")}, stop));
    TRY(session.Define(table->name, {"SELECT * FROM " + SqlName(kept)}));
  }
  return Status::Ok();
}

}  // namespace millrace
