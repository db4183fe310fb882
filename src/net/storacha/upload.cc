#include "net/storacha/upload.h"

#include <algorithm>

#include "base/failpoint.h"
#include "base/parallel.h"
#include "base/text.h"

namespace millrace::storacha {

namespace {

using ipld::Bytes;
using ipld::Cid;
using ipld::List;
using ipld::Map;
using ipld::ShardFile;
using ipld::Value;

constexpr size_t kMostHeaders = 32, kMostUrl = 8192;

// Steps of another space, or another service, are others.
std::string StepName(const Service& service, const std::string& what) {
  return "storacha " + service.did() + " " + service.space() + " " + what;
}
std::string AcceptedStep(const Service& service, const Cid& blob) {
  return StepName(service, blob.Text() + " accepted");
}

const std::string* TextAt(const Value* map, const char* key) {
  const Value* found = map ? map->Find(key) : nullptr;
  return found ? found->As<std::string>() : nullptr;
}

Status Odd(const std::string& what) {
  return {Code::kConflict, "space/blob/add: " + what, "see that `url` is that of the service"};
}

// The tasks that adding a blob leads to.
struct Tasks {
  std::optional<ucan::Ucan> allocate, put, accept;
};

Result<Tasks> TasksOf(const Answer& added) {
  const Value* site = added.receipt.out.Find("site");
  const Value* await = site ? site->Find("ucan/await") : nullptr;
  const List* link = await ? await->As<List>() : nullptr;
  const Cid* wanted = link && link->size() == 2 ? (*link)[1].As<Cid>() : nullptr;
  if (!wanted) return Odd("the answer does not say what to wait for");
  Tasks tasks;
  for (const Cid& fork : added.receipt.forks) {
    auto block = added.message.blocks.find(fork);
    if (block == added.message.blocks.end()) continue;
    Result<ucan::Ucan> task = ucan::ReadUcan(fork, block->second);
    if (!task.ok()) continue;
    const std::string& can = task->capabilities[0].can;
    if (can == "blob/allocate" || can == "web3.storage/blob/allocate") {
      // The older kind stands beside the other; where it is alone, the service is an older one.
      if (!tasks.allocate || can == "blob/allocate") tasks.allocate = *task;
    }
    if (can == "http/put") tasks.put = *task;
    if (fork == *wanted) tasks.accept = *task;
  }
  if (!tasks.allocate || !tasks.put || !tasks.accept)
    return Odd("the answer lacks one of the tasks that it names");
  return tasks;
}

// nullopt: the bytes are there already.
Result<std::optional<Address>> AddressIn(const ucan::Receipt& allocated) {
  const Value* found = allocated.out.Find("address");
  if (!found || found->As<std::nullptr_t>()) return std::optional<Address>();
  const std::string* url = TextAt(found, "url");
  const Value* headers = found->Find("headers");
  const Map* map = headers ? headers->As<Map>() : nullptr;
  if (!url || url->size() > kMostUrl || (headers && !map) || (map && map->size() > kMostHeaders))
    return Odd("an address for the bytes that is none");
  Address address{*url, {}};
  for (const auto& [name, value] : map ? *map : Map()) {
    if (!value.As<std::string>()) return Odd("an address for the bytes that is none");
    std::string lower = ToLower(name);
    if (lower != "content-length" && lower != "host")
      address.headers.emplace_back(name, *value.As<std::string>());
  }
  return std::optional(std::move(address));
}

class BlobUpload {
 public:
  BlobUpload(Service& service, const ShardFile& file, Steps& steps, std::stop_token stop)
      : service_(service), file_(file), steps_(steps), stop_(std::move(stop)) {}

  // An address that is not good any more is asked for anew.
  Status Run() {
    if (steps_.Find(AcceptedStep(service_, file_.cid))) return Status::Ok();
    for (int attempt = 1;; ++attempt) {
      Status status = Once();
      bool again = status.code() == Code::kConflict && attempt < service_.options().max_attempts;
      if (!again) return status;
      TRY(service_.Pause(attempt, stop_));
    }
  }

 private:
  Status Once() {
    Map blob{{"digest", Bytes{std::string(file_.cid.multihash())}}, {"size", file_.size}};
    Answer added = TRY(service_.Invoke("space/blob/add", Map{{"blob", std::move(blob)}}, stop_));
    TRY(Failpoint("storacha.Add.after"));
    Tasks tasks = TRY(TasksOf(added));
    TRY(IsOurs(*tasks.accept));
    auto accepted =
        TRY(service_.FindReceipt(added.message, tasks.accept->cid, tasks.accept->audience, stop_));
    if (accepted && accepted->ok) return Accept({*accepted, added.message});
    auto allocated = TRY(
        service_.FindReceipt(added.message, tasks.allocate->cid, tasks.allocate->audience, stop_));
    if (!allocated) return Odd("the answer lacks the receipt of blob/allocate");
    if (!allocated->ok) return StatusOf(*allocated).In("blob/allocate");
    auto put =
        TRY(service_.FindReceipt(added.message, tasks.put->cid, tasks.put->audience, stop_));
    std::optional<Address> address = TRY(AddressIn(*allocated));
    if (address && !put) TRY(Put(*address, *tasks.put));
    Answer answer = TRY(service_.Await(*tasks.accept, stop_));
    if (!answer.receipt.ok) return StatusOf(answer.receipt).In("blob/accept");
    return Accept(answer);
  }

  // What we wait for must be about these bytes.
  Status IsOurs(const ucan::Ucan& accept) const {
    const Value* blob = accept.capabilities[0].nb.Find("blob");
    const Value* digest = blob ? blob->Find("digest") : nullptr;
    const Bytes* bytes = digest ? digest->As<Bytes>() : nullptr;
    if (bytes && bytes->bytes == file_.cid.multihash()) return Status::Ok();
    return Odd("the answer is about other bytes");
  }

  Status Put(const Address& address, const ucan::Ucan& task) {
    TRY(Failpoint("storacha.Put.before"));
    TRY(service_.Put(address, file_.path, file_.size, stop_));
    TRY(Failpoint("storacha.Put.after"));
    // Whoever has the bytes has their hash, which is the key of whoever says that they are there.
    Ed25519Key key = Ed25519Key::FromSeed(file_.cid.digest());
    if (task.audience != ucan::Did::OfKey(key.public_key()))
      return Odd("http/put is for another than who has the bytes");
    TRY(service_.Conclude(TRY(ucan::IssueReceipt(key, task.cid)), stop_));
    return Failpoint("storacha.Conclude.after");
  }

  Status Accept(const Answer& accepted) {
    const Value* site = accepted.receipt.out.Find("site");
    const Cid* claim = site ? site->As<Cid>() : nullptr;
    if (!claim) return Odd("blob/accept does not say where the bytes are");
    std::string value = claim->Text();
    std::string location = LocationIn(accepted.message, *claim);
    if (!location.empty()) value += " " + location;
    TRY(steps_.Record(AcceptedStep(service_, file_.cid), value));
    return Failpoint("storacha.Accept.after");
  }

  // Of the claim assert/location; "" when it is not there, or of other bytes.
  std::string LocationIn(const ucan::Message& message, const Cid& claim) const {
    auto block = message.blocks.find(claim);
    if (block == message.blocks.end()) return "";
    Result<ucan::Ucan> ucan = ucan::ReadUcan(claim, block->second);
    if (!ucan.ok() || ucan->capabilities[0].can != "assert/location") return "";
    const Value& nb = ucan->capabilities[0].nb;
    const Value *content = nb.Find("content"), *urls = nb.Find("location");
    const Value* digest = content ? content->Find("digest") : nullptr;
    const Bytes* bytes = digest ? digest->As<Bytes>() : nullptr;
    const List* list = urls ? urls->As<List>() : nullptr;
    if (!bytes || bytes->bytes != file_.cid.multihash() || !list || list->empty()) return "";
    const std::string* url = (*list)[0].As<std::string>();
    bool plain = url && url->size() <= kMostUrl && url->find_first_of(" \r\n") == url->npos;
    return plain ? *url : "";
  }

  Service& service_;
  const ShardFile& file_;
  Steps& steps_;
  std::stop_token stop_;
};

// The service knows nothing of blobs that it had accepted: it has to be asked again.
Status Forgotten(Service& service, const std::vector<ShardFile>& files, Steps& steps,
                 const Status& why) {
  for (const ShardFile& file : files) TRY(steps.Forget(AcceptedStep(service, file.cid)));
  return {Code::kUnavailable, why.message(), "try again: the shards will be stored anew"};
}

Status AddIndex(Service& service, const ipld::Shards& content, std::stop_token stop) {
  Map nb{{"index", content.index.cid}};
  return service.Invoke("space/index/add", std::move(nb), stop).status();
}

Status AddUpload(Service& service, const ipld::Shards& content, std::stop_token stop) {
  List shards;
  for (const ShardFile& shard : content.shards) shards.emplace_back(shard.cid);
  Map nb{{"root", content.root}, {"shards", std::move(shards)}};
  Answer answer = TRY(service.Invoke("upload/add", std::move(nb), stop));
  const Value* root = answer.receipt.out.Find("root");
  if (root && root->As<Cid>() && *root->As<Cid>() == content.root) return Status::Ok();
  return {Code::kConflict, "upload/add: the answer is about another root",
          "try again; see that `url` is that of the service"};
}

}  // namespace

Status Upload(Service& service, const ipld::Shards& content, Steps& steps,
              const UploadOptions& options, std::stop_token stop) {
  TRY(service.CheckToken());
  std::string indexed = StepName(service, content.index.cid.Text() + " indexed");
  std::string done = StepName(service, content.root.Text() + " uploaded");
  if (steps.Find(done)) return Status::Ok();
  std::vector<ShardFile> files = content.shards;
  files.push_back(content.index);
  auto store = [&](size_t i, std::stop_token stop_one) -> Status {
    TRY(BlobUpload(service, files[i], steps, stop_one)
            .Run()
            .In("storing " + files[i].cid.Text()));
    if (options.on_blob) options.on_blob(files[i].size);
    return Status::Ok();
  };
  TRY(ForEachAtOnce(files.size(), static_cast<size_t>(options.at_once), store, stop));
  if (!steps.Find(indexed)) {
    Status status = AddIndex(service, content, stop);
    if (status.code() == Code::kNotFound) return Forgotten(service, files, steps, status);
    TRY(std::move(status));
    TRY(Failpoint("storacha.Index.after"));
    TRY(steps.Record(indexed, "yes"));
  }
  TRY(Failpoint("storacha.Upload.before"));
  TRY(AddUpload(service, content, stop));
  TRY(Failpoint("storacha.Upload.after"));
  return steps.Record(done, "yes");
}

std::optional<Acceptance> AcceptanceOf(const Service& service, const Cid& blob, Steps& steps) {
  std::optional<std::string> value = steps.Find(AcceptedStep(service, blob));
  if (!value) return std::nullopt;
  size_t blank = std::min(value->find(' '), value->size());
  size_t url = std::min(blank + 1, value->size());
  return Acceptance{value->substr(0, blank), value->substr(url)};
}

bool IsDone(const Service& service, const Cid& root, Steps& steps) {
  return steps.Find(StepName(service, root.Text() + " uploaded")).has_value();
}

}  // namespace millrace::storacha
