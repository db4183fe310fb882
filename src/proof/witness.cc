#include "proof/witness.h"

#include <utility>

#include "base/failpoint.h"

namespace millrace::proof {

namespace {

constexpr std::string_view kBegun = ".begun", kSealed = ".json", kTemporary = ".tmp";

// The run of ".RUN.json.….tmp", which a kill left while it was written; "": it is none.
RunId RunOfTemporary(std::string_view file) {
  if (!file.starts_with('.') || !file.ends_with(kTemporary)) return "";
  return RunId(file.substr(1, file.find('.', 1) - 1));
}

}  // namespace

std::string ManifestPath(const Project& project, const RunId& run) {
  return project.Absolute(project.manifests.folder) + "/" + run + std::string(kSealed);
}

Witness::Witness(Scene scene, const Ed25519Key& key, Observer& next, std::stop_token stop)
    : scene_(std::move(scene)),
      key_(key),
      next_(next),
      stop_(std::move(stop)),
      folder_(OpenLocalStorage(scene_.project.Absolute(scene_.project.manifests.folder))) {}

void Witness::On(const Event& event) {
  if (event.kind == Event::Kind::kRunStarted) {
    Note(event, SealOthers(event.pipeline, event.run));
    Note(event, Start(event.run));
  } else if (event.kind == Event::Kind::kRunEnded) {
    Status sealed = Seal(event.run);
    last_manifest_ = sealed.ok() ? ManifestPath(scene_.project, event.run) : "";
    Note(event, sealed);
    Note(event, SealOthers(event.pipeline, event.run));
  }
  next_.On(event);
}

void Witness::Note(const Event& event, const Status& status) {
  if (status.ok()) return;
  Status told(status.code(), "the manifest of run " + event.run + ": " + status.message(),
              status.hint().empty() ? "the next run of the pipeline writes it" : status.hint());
  if (status_.ok()) status_ = told;
  next_.On({.kind = Event::Kind::kWarning,
            .at = event.at,
            .run = event.run,
            .pipeline = event.pipeline,
            .message = told.message(),
            .hint = told.hint()});
}

Status Witness::Start(const RunId& run) {
  TRY(Failpoint("manifest.begin.before"));
  Manifest manifest = TRY(Begin(scene_, TRY(scene_.store.GetRun(run)), stop_));
  TRY(folder_->Put(run + std::string(kBegun), WriteManifest(manifest) + "\n"));
  return Failpoint("manifest.begin.after");
}

Status Witness::Seal(const RunId& run) {
  const std::string begun = run + std::string(kBegun);
  Result<std::string> text = folder_->Read(begun, kMaxManifest);
  if (text.code() == Code::kNotFound) return Status::Ok();  // it could not be kept: told then
  if (!text.ok()) return text.status();
  if (text->ends_with('\n')) text->pop_back();
  Manifest manifest = TRY(ReadManifest(*text));
  TRY(Failpoint("manifest.seal.before"));
  Status completed = Complete(scene_, manifest, stop_);
  // What is not finished yet is sealed by the run that finishes it.
  if (completed.code() == Code::kUnavailable) return Status::Ok();
  TRY(std::move(completed));
  TRY(Failpoint("manifest.write.before"));
  TRY(folder_->Put(run + std::string(kSealed), SealManifest(manifest, key_)));
  TRY(Failpoint("manifest.write.after"));
  return folder_->Remove(begun);
}

Status Witness::SealOthers(const std::string& pipeline, const RunId& but) {
  for (const FileInfo& file : TRY(folder_->List(""))) {
    if (RunId killed = RunOfTemporary(file.path); !killed.empty() && killed != but) {
      Result<RunRecord> record = scene_.store.GetRun(killed);
      if (record.ok() && record->pipeline == pipeline) TRY(folder_->Remove(file.path));
    }
    if (!file.path.ends_with(kBegun)) continue;
    RunId run = file.path.substr(0, file.path.size() - kBegun.size());
    if (run == but) continue;
    Result<RunRecord> record = scene_.store.GetRun(run);
    // Of another pipeline: that one's next run does it. Of no run any more: nobody can.
    if (record.code() == Code::kNotFound) TRY(folder_->Remove(file.path));
    if (!record.ok() || record->pipeline != pipeline) continue;
    Status sealed = Seal(run);
    if (!sealed.ok()) return sealed.In("run " + run);
  }
  return Status::Ok();
}

}  // namespace millrace::proof
