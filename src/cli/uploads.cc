// millrace uploads list | retry | verify
#include <algorithm>
#include <atomic>
#include <memory>

#include "base/text.h"
#include "cli/command.h"
#include "cli/work_line.h"
#include "cli/run_view.h"
#include "cli/text_table.h"
#include "cli/words.h"
#include "cli/workspace.h"
#include "connect/content/upload.h"
#include "connect/content/upload_sink.h"
#include "pipeline/pipeline.h"
#include "run/run_scope.h"

namespace millrace {

namespace {

using content::Upload;

// The sink that made an upload, of the pipeline as it is now, and what it was made with.
struct Maker {
  std::unique_ptr<ConnectContext> context;
  std::unique_ptr<Sink> sink;
  content::UploadSink* uploads = nullptr;  // the same
};

std::string RootOf(const Upload& upload) { return upload.info().content.root.Text(); }

Result<std::vector<Upload>> Chosen(Workspace& workspace, const std::vector<std::string>& names) {
  std::vector<Upload> all = TRY(Upload::All(workspace.state_folder())), chosen;
  if (names.empty()) return all;
  for (const std::string& name : names) {
    size_t before = chosen.size();
    for (const Upload& upload : all) {
      bool meant = RootOf(upload).starts_with(name) || upload.folder().ends_with("/" + name);
      if (meant) chosen.push_back(TRY(Upload::Open(upload.folder())));
    }
    if (chosen.size() == before)
      return NotFound("there is no upload '" + name + "'", "millrace uploads lists them");
  }
  return chosen;
}

std::string StateOf(const Upload& upload) {
  if (!upload.done()) return "! waiting";
  return upload.has_shards() ? "✓ stored, kept" : "✓ stored";
}

std::string WhereOf(const Upload& upload) {
  std::vector<std::string> names;
  for (const auto& [target, stored] : upload.AllStored()) names.push_back(target);
  std::string text = Join(names, ", ");
  if (upload.done()) return text;
  return text + (text.empty() ? "" : "; ") + "of " + Join(upload.info().targets, ", ") + " " +
         std::to_string(upload.info().require) + " must have it";
}

Result<int> List(Invocation& invocation) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  std::vector<Status> damaged;
  std::vector<Upload> uploads = TRY(Upload::All(workspace->state_folder(), &damaged));
  for (const Status& each : damaged) Tell(invocation.terminal, each);
  if (uploads.empty() && damaged.empty()) {
    invocation.terminal.Print("Nothing was uploaded here.\n");
    return kExitDone;
  }
  TextTable text({{.name = "root", .whole = true},
                  {"task"},
                  {.name = "state", .whole = true},
                  {.name = "files", .right = true},
                  {.name = "size", .right = true},
                  {.name = "packed (UTC)"},
                  {"where"}});
  bool waiting = false;
  for (const Upload& upload : uploads) {
    const content::UploadInfo& info = upload.info();
    waiting = waiting || !upload.done();
    text.Add({{RootOf(upload)},
              {ShortTask(info.commit.task)},
              {StateOf(upload), upload.done() ? Style::kGreen : Style::kYellow},
              {FormatCount(info.files)},
              {FormatBytes(info.bytes)},
              {ShortTime(info.packed)},
              {WhereOf(upload)}});
  }
  invocation.terminal.Print(text.Format(invocation.terminal));
  if (waiting) invocation.terminal.Print("\nNext: millrace uploads retry\n");
  return kExitDone;
}

// With the parameters and the time of the run that packed it, where that is known.
Result<Pipeline> PipelineOf(Workspace& workspace, const content::UploadInfo& info) {
  Result<RunRecord> run = TRY(workspace.store())->GetRun(info.run);
  std::string file;
  std::map<std::string, std::string> params;
  std::optional<RunValues> values;
  if (run.ok()) {
    file = run->pipeline_file;
    params = run->params;
    values = ValuesOf(*run);
  } else {
    file = TRY(workspace.FindPipeline(info.commit.task.substr(0, info.commit.task.find('/'))));
  }
  Diagnostics diagnostics;
  auto pipeline = LoadPipeline(workspace.project(), file, workspace.registry(), params, values,
                               diagnostics);
  TRY(diagnostics.ToStatus());
  if (!pipeline) return NotFound("there is no pipeline " + file);
  return *std::move(pipeline);
}

Result<Maker> MakerOf(Workspace& workspace, const content::UploadInfo& info) {
  Pipeline pipeline = TRY(PipelineOf(workspace, info));
  const Task* task = pipeline.Find(info.commit.task);
  std::vector<Target> none;
  for (const Target& target : task ? task->targets : none) {
    Maker maker;
    maker.context = TRY(workspace.connect_context());
    maker.context->folder = pipeline.folder;
    maker.context->run = info.run;
    maker.context->task = info.commit.task;
    maker.sink = TRY(target.make(*maker.context));
    maker.uploads = dynamic_cast<content::UploadSink*>(maker.sink.get());
    if (maker.uploads && maker.uploads->id() == info.sink) return maker;
  }
  return Invalid("the pipeline does not have the targets of this upload any more",
                 "`millrace car unpack` takes its files out of the CAR files in its folder");
}

// Whether the task still waits for this very commit: else it is stored, and counts as nothing more.
Result<bool> IsPlanned(Store& store, const content::UploadInfo& info) {
  std::optional<CommitRecord> last = TRY(store.LastCommit(info.commit.task));
  return last && !last->finished && last->id == info.commit && last->now == info.now;
}

Status RetryOne(Invocation& invocation, Workspace& workspace, Upload& upload) {
  Maker maker = TRY(MakerOf(workspace, upload.info()));
  std::atomic<int64_t> done = 0, total = -1;
  maker.context->progress = [&](const std::string&, int64_t now, int64_t all) {
    done = now;
    total = all;
  };
  Store& store = *TRY(workspace.store());
  bool planned = TRY(IsPlanned(store, upload.info()));
  {
    WorkLine line(invocation, "uploading " + RootOf(upload), done, &total);
    TRY(maker.uploads->delivery().Deliver(upload, planned, workspace.stop()));
  }
  std::vector<OutputRecord> outputs = upload.Outputs();
  invocation.terminal.Print(OutputLines(outputs, ""));
  if (!store.GetRun(upload.info().run).ok()) return Status::Ok();
  for (OutputRecord& each : outputs) {
    each.run = upload.info().run;
    each.task = upload.info().commit.task;
  }
  return store.AddOutputs(outputs);
}

Result<int> Retry(Invocation& invocation, const std::vector<std::string>& names) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  std::vector<Upload> uploads = TRY(Chosen(*workspace, names));
  std::erase_if(uploads, [](const Upload& upload) { return upload.done(); });
  if (uploads.empty()) invocation.terminal.Print("Nothing waits.\n");
  Status first;
  for (Upload& upload : uploads) {
    Status status = RetryOne(invocation, *workspace, upload);
    if (status.code() == Code::kCanceled) return status;
    if (status.ok()) continue;
    if (!first.ok()) Tell(invocation.terminal, first);
    first = status.In(RootOf(upload));
  }
  if (!first.ok()) return first;
  return kExitDone;
}

Result<int> Verify(Invocation& invocation, const std::vector<std::string>& names) {
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  std::vector<Upload> uploads = TRY(Chosen(*workspace, names));
  std::erase_if(uploads, [](const Upload& upload) { return upload.AllStored().empty(); });
  if (uploads.empty()) invocation.terminal.Print("Nothing is stored.\n");
  bool all_right = true;
  Terminal& terminal = invocation.terminal;
  for (Upload& upload : uploads) {
    terminal.Print(RootOf(upload) + "\n");
    Result<Maker> maker = MakerOf(*workspace, upload.info());
    if (!maker.ok()) return maker.status().In(RootOf(upload));
    for (const content::Verdict& each :
         maker->uploads->delivery().Verify(upload, workspace->stop())) {
      if (each.found.code() == Code::kCanceled) return Canceled();
      all_right = all_right && each.found.ok();
      terminal.Print("  " +
                     (each.found.ok() ? terminal.Paint(Style::kGreen, "✓ ")
                                      : terminal.Paint(Style::kRed, "✗ ")) +
                     each.target + ": " +
                     (each.found.ok() ? *each.found : each.found.status().ToString()) + "\n");
    }
  }
  return all_right ? kExitDone : kExitFailed;
}

std::shared_ptr<std::vector<std::string>> Names(Options& options) {
  auto names = std::make_shared<std::vector<std::string>>();
  options.Arguments("UPLOAD", names.get(), "By the begin of its root CID; all if none is named");
  return names;
}

}  // namespace

Action DeclareUploads(Options& options) {
  options.Note(
      "What sinks such as `ipfs` and `decentralized` packed: what waits until enough targets have\n"
      "it, and what was stored, where.");
  options.Example("millrace uploads", "what waits, what is stored");
  return [](Invocation& invocation) { return List(invocation); };
}

Action DeclareRetryUploads(Options& options) {
  auto names = Names(options);
  options.Note("As the next run does it; what was done already is not done again.");
  options.Example("millrace uploads retry", "all that wait");
  return [names](Invocation& invocation) { return Retry(invocation, *names); };
}

Action DeclareVerifyUploads(Options& options) {
  auto names = Names(options);
  options.Note(
      "Asks every target that took it, and reads back what can be read, down to the bytes.");
  options.Example("millrace uploads verify bafybeigdyr", "one of them");
  return [names](Invocation& invocation) { return Verify(invocation, *names); };
}

}  // namespace millrace
