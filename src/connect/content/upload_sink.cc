#include "connect/content/upload_sink.h"

#include <filesystem>
#include <utility>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/text.h"

namespace millrace::content {

namespace {

std::string IdOf(const std::string& connector, const std::vector<TargetChoice>& targets,
                 const std::string& task) {
  std::string text = task + "\n" + connector;
  for (const TargetChoice& each : targets) text += "\n" + each.name + " " + each.place;
  return Sha256Hex(text).substr(0, 12);
}

// The rows' file: named, or called like its task.
std::string FileNameOf(const UploadConfig& config, const std::string& task) {
  if (!config.path.empty()) return config.path;
  std::string name = task.substr(task.find('/') + 1);
  for (char& c : name) {
    if (!IsNameByte(c) && c != '-' && c != '=') c = '_';
  }
  return name + file::EndingOf(file::Decided(config));
}

}  // namespace

UploadSink::UploadSink(std::string connector, UploadConfig config,
                       std::vector<TargetChoice> targets, DeliveryOptions options,
                       ConnectContext& context)
    : connector_(std::move(connector)),
      config_(std::move(config)),
      context_(context),
      delivery_(std::move(targets), options, context),
      id_(IdOf(connector_, delivery_.choices(), context.task)) {}

Result<std::optional<Committed>> UploadSink::LastCommit(std::string_view task, std::stop_token) {
  std::optional<SinkMemory> memory = TRY(ReadMemory(context_.state_folder, id_));
  if (!memory || memory->commit.task != task) return std::optional<Committed>();
  // One that was killed while its shards went is seen through here: nobody else will.
  if (!memory->upload.empty() && !delivery_.options().keep) {
    Result<Upload> upload =
        Upload::Open(Upload::FolderOfAll(context_.state_folder) + "/" + memory->upload);
    if (upload.ok() && upload->done()) TRY(upload->RemoveShards());
  }
  return std::optional<Committed>({memory->commit.sequence, memory->position});
}

Status UploadSink::Open(const Schema&, const WriteIntent& intent, std::stop_token) {
  intent_ = intent;
  packed_.reset();
  waiting_.reset();
  written_ = false;
  packing_ = std::make_unique<Packing>(config_, id_, context_);
  return packing_->Make();
}

Status UploadSink::Write(const Rows&, std::stop_token) {
  return Internal("rows for an upload are written by the engine, through WriteFrom");
}

Result<WriteCount> UploadSink::WriteFrom(Session& session, const Sql& rows, std::stop_token stop) {
  if (!packing_) return Internal("WriteFrom before Open");
  // Sealed twice, the same rows have two roots: what was sealed for this commit is taken.
  if (config_.encrypt) waiting_ = TRY(Waiting(intent_));
  if (waiting_) {
    written_ = true;
    return WriteCount{.rows = waiting_->info().rows, .bytes = waiting_->info().bytes};
  }
  file::SinkConfig decided = file::Decided(config_);
  std::string path = TRY(packing_->PathOf(FileNameOf(config_, context_.task)));
  WriteCount count;
  count.rows = TRY(session.WriteFile(rows, path, file::EngineFormat(decided),
                                     file::WriterOptions(decided), stop));
  written_ = true;
  // Nothing is new: there is nothing to add.
  if (count.rows == 0 && config_.mode == file::SinkMode::kAppend) return count;
  TRY(Pack(count.rows, stop));
  count.bytes = packed_->bytes;
  return count;
}

// What this very interval packed before it was killed, or its targets were away.
Result<std::optional<Upload>> UploadSink::Waiting(const WriteIntent& intent) const {
  for (Upload& upload : TRY(Upload::OfCommit(context_.state_folder, id_, intent.id.sequence))) {
    const UploadInfo& info = upload.info();
    bool same = info.commit == intent.id && info.now == intent.now;
    if (same && upload.has_shards()) return std::optional(std::move(upload));
  }
  return std::optional<Upload>();
}

Result<WriteCount> UploadSink::TakeFiles(const std::vector<OfferedFile>& files,
                                         std::stop_token stop) {
  if (!packing_) return Internal("TakeFiles before Open");
  written_ = true;
  WriteCount count;
  if (files.empty()) return count;
  waiting_ = TRY(Waiting(intent_));
  if (waiting_) {
    count.bytes = waiting_->info().bytes;
    return count;
  }
  TRY(packing_->Place(files, stop));
  TRY(Pack(0, stop));
  count.bytes = packed_->bytes;
  return count;
}

Status UploadSink::Pack(int64_t rows, std::stop_token stop) {
  PackedContent packed = TRY(packing_->Pack(stop));
  packed_ = UploadInfo{.sink = id_,
                       .connector = connector_,
                       .require = delivery_.options().require,
                       .run = context_.run,
                       .packed = context_.env.clock.Now(),
                       .files = packed.files,
                       .bytes = packed.bytes,
                       .rows = rows,
                       .content = std::move(packed.content)};
  for (const TargetChoice& each : delivery_.choices()) packed_->targets.push_back(each.name);
  return Status::Ok();
}

Status UploadSink::Commit(const CommitInfo& commit, std::stop_token stop) {
  std::optional<Committed> last = TRY(LastCommit(commit.id.task, stop));
  if (last && last->sequence >= commit.id.sequence) return Status::Ok();
  if (!written_) return Internal("Commit before anything was written");
  if (packed_ || waiting_) return Store(commit, stop);
  return WriteMemory(context_.state_folder, id_, {commit.id, commit.position, ""});
}

Status UploadSink::Store(const CommitInfo& commit, std::stop_token stop) {
  UploadInfo info = waiting_ ? waiting_->info() : *packed_;
  info.commit = commit.id;
  info.now = commit.now;
  info.position = commit.position;
  if (waiting_) {
    TRY(waiting_->Rewrite(std::move(info)));
  } else {
    waiting_ = TRY(Upload::Add(context_.state_folder, packing_->path(), info));
    packed_.reset();
  }
  packing_.reset();
  TRY(delivery_.Deliver(*waiting_, /*as_commit=*/true, stop));
  return RemoveSuperseded(commit);
}

// Rows that came otherwise when the interval was walked again: nobody waits for what they were.
Status UploadSink::RemoveSuperseded(const CommitInfo& commit) {
  for (Upload& upload : TRY(Upload::OfCommit(context_.state_folder, id_, commit.id.sequence))) {
    const UploadInfo& info = upload.info();
    bool same = info.commit == commit.id && info.now == commit.now;
    if (same && !upload.done()) TRY(upload.Remove());
  }
  return Status::Ok();
}

Result<std::vector<OutputRecord>> UploadSink::Outputs(const CommitId& commit) {
  std::optional<SinkMemory> memory = TRY(ReadMemory(context_.state_folder, id_));
  if (!memory || !(memory->commit == commit) || memory->upload.empty())
    return std::vector<OutputRecord>();
  Result<Upload> upload =
      Upload::Open(Upload::FolderOfAll(context_.state_folder) + "/" + memory->upload);
  if (upload.code() == Code::kNotFound) return std::vector<OutputRecord>();
  return TRY(std::move(upload)).Outputs();
}

std::string UploadSink::Target() const {
  std::vector<std::string> names;
  for (const TargetChoice& each : delivery_.choices()) names.push_back(each.name);
  std::string all = Join(names, ", ");
  return connector_ == all ? connector_ : connector_ + " (" + all + ")";
}

Status CheckUpload(const UploadConfig& config) {
  if (TakesRows(config) && !file::TellsFormat(config))
    return Invalid("the path does not tell the format", file::kFormatHint);
  std::filesystem::path path(config.path);
  bool below = config.path.empty() || (path.is_relative() && path == path.lexically_normal() &&
                                       !config.path.starts_with("..") && path.has_filename());
  if (!below) return Invalid("'path' must name a file below the root", "write it like words.csv");
  return config.encrypt ? RecipientsOf(*config.encrypt).status() : Status::Ok();
}

Spec<EncryptConfig> EncryptSpec() {
  return Spec<EncryptConfig>("encrypt",
                             "Encryption in the age format: `millrace decrypt`, `age` and `rage` "
                             "open it. Names and sizes of files are not hidden.")
      .Field("recipients", &EncryptConfig::recipients,
             "Public keys, age1…: whoever has the secret key of one can read it. `millrace keygen "
             "--age` makes a pair.",
             {.example = "[age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj]"})
      .Field("passphrase", &EncryptConfig::passphrase, "Instead: whoever knows it can read it.",
             {.example = "${secret:archive_passphrase}"})
      .Short("recipients");
}

Result<std::vector<age::Recipient>> RecipientsOf(const EncryptConfig& config) {
  std::vector<age::Recipient> recipients;
  for (const std::string& text : config.recipients)
    recipients.push_back(TRY(age::ParseRecipient(text)));
  if (recipients.empty() && config.passphrase.empty())
    return Invalid("'encrypt' needs `recipients` or a `passphrase`");
  if (!recipients.empty() && !config.passphrase.empty())
    return Invalid("'encrypt' takes `recipients` or a `passphrase`, not both");
  if (recipients.empty()) recipients.push_back({.passphrase = config.passphrase});
  return recipients;
}

SinkTraits TraitsOfUpload(const UploadConfig& config) {
  return {.replaces = config.mode != file::SinkMode::kAppend, .takes_files = !TakesRows(config)};
}

Result<std::unique_ptr<Sink>> MakeUploadSink(std::string connector, const UploadConfig& config,
                                             std::vector<TargetChoice> targets,
                                             DeliveryOptions options, ConnectContext& context) {
  options.keep = config.keep;
  if (context.repeating) {  // to compare what comes out: nobody else is to see it
    targets = {ChooseArchive({.folder = context.state_folder + "/archive"})};
    options.require = 1;
  }
  return std::unique_ptr<Sink>(new UploadSink(std::move(connector), config, std::move(targets),
                                              options, context));
}

}  // namespace millrace::content
