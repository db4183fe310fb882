#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "connect/content/content.h"
#include "connect/content/content_source.h"
#include "connect/content/kinds.h"
#include "connect/content/storacha_target.h"
#include "connect/content/upload_config.h"

namespace millrace::content {

namespace {

// --- several targets

struct DecentralizedConfig : UploadConfig {
  std::vector<std::string> targets;
  int require = 1;
  TryOrder order = TryOrder::kOrder;
  ArchiveConfig archive;
  IpfsConfig ipfs;
  PinningConfig pinning;
  S3TargetConfig s3;
  StorachaConfig storacha;
};

using Chooser = TargetChoice (*)(const DecentralizedConfig&);

// One line a kind.
const std::map<std::string, Chooser>& Kinds() {
  static const std::map<std::string, Chooser> kinds = {
      {"archive", [](const DecentralizedConfig& all) { return ChooseArchive(all.archive); }},
      {"ipfs", [](const DecentralizedConfig& all) { return ChooseIpfs(all.ipfs); }},
      {"pinning", [](const DecentralizedConfig& all) { return ChoosePinning(all.pinning); }},
      {"s3", [](const DecentralizedConfig& all) { return ChooseS3(all.s3); }},
      {"storacha", [](const DecentralizedConfig& all) { return ChooseStoracha(all.storacha); }},
  };
  return kinds;
}

std::vector<std::string> KindNames() {
  std::vector<std::string> names;
  for (const auto& [name, choose] : Kinds()) names.push_back(name);
  return names;
}

Status CheckTargets(const DecentralizedConfig& config) {
  std::set<std::string> seen;
  for (const std::string& name : config.targets) {
    if (!Kinds().contains(name)) {
      std::string closest = Closest(name, KindNames());
      return Invalid("'" + name + "' is no target",
                     closest.empty() ? "targets are " + Join(KindNames(), ", ")
                                     : "did you mean '" + closest + "'?");
    }
    if (!seen.insert(name).second) return Invalid("target '" + name + "' is named twice");
  }
  if (config.require > static_cast<int>(config.targets.size()))
    return Invalid("'require' asks for more targets than there are");
  if (seen.contains("s3") && !s3::PlaceOf(config.s3.path, config.s3.bucket).ok())
    return Invalid("target 's3' needs a path", "write `s3: {path: \"s3://BUCKET/content\"}`");
  if (seen.contains("storacha")) TRY(CheckStoracha(config.storacha));
  if (seen.contains("pinning") && config.pinning.endpoint.empty())
    return Invalid("target 'pinning' needs an endpoint", "write `pinning: {endpoint: https://…}`");
  return Status::Ok();
}

template <class Sub>
Spec<Sub> GroupOf(const std::string& name, const std::string& summary, void (*add)(Spec<Sub>&)) {
  Spec<Sub> spec(name, summary);
  add(spec);
  return spec;
}

constexpr const char* kStorachaHelp =
    "A space of Storacha, or of a service that speaks its protocol.";
constexpr const char* kArchiveHelp =
    "A folder of this machine: each upload is a CAR file that every IPFS tool reads.";
constexpr const char* kIpfsHelp = "A Kubo node, by its RPC.";
constexpr const char* kPinningHelp =
    "A pinning service: it fetches the content from the network, so another target must have it "
    "where the service finds it.";
constexpr const char* kS3Help = "A bucket of any S3 server, for CAR files.";

void AddStorachaGroup(Spec<StorachaConfig>& spec) {
  spec.Field("connection", &StorachaConfig::connection, kConnectionHelp);
  AddStorachaFields(spec);
}

void AddIpfsGroup(Spec<IpfsConfig>& spec) {
  spec.Field("connection", &IpfsConfig::connection, kConnectionHelp);
  AddIpfsFields(spec);
}

Spec<DecentralizedConfig> DecentralizedSpec() {
  Spec<DecentralizedConfig> spec(
      "decentralized sink",
      "Content by its hash, packed as CAR files and stored at several targets, until enough of "
      "them have accepted it. Until then it waits in the state folder: nothing is lost.");
  spec.Field("targets", &DecentralizedConfig::targets,
             "Who is to store it, in the order in which they are tried: " +
                 Join(KindNames(), ", ") + ". What each needs stands under its name.",
             {.required = true, .min = 1, .example = "[ipfs, archive]"})
      .Field("require", &DecentralizedConfig::require,
             "How many of them must have accepted it: then the commit is done.", {.min = 1})
      .Field("try", &DecentralizedConfig::order,
             "order: one after the other until enough have it; all: each of them, several at "
             "once.");
  AddUploadFields(spec);
  spec.Group("archive", &DecentralizedConfig::archive,
             GroupOf<ArchiveConfig>("archive", kArchiveHelp, AddArchiveFields), kArchiveHelp)
      .Group("ipfs", &DecentralizedConfig::ipfs,
             GroupOf<IpfsConfig>("ipfs", kIpfsHelp, AddIpfsGroup), kIpfsHelp)
      .Group("pinning", &DecentralizedConfig::pinning,
             GroupOf<PinningConfig>("pinning", kPinningHelp, AddPinningFields), kPinningHelp)
      .Group("s3", &DecentralizedConfig::s3,
             GroupOf<S3TargetConfig>("s3", kS3Help, AddS3Fields), kS3Help)
      .Group("storacha", &DecentralizedConfig::storacha,
             GroupOf<StorachaConfig>("storacha", kStorachaHelp, AddStorachaGroup), kStorachaHelp)
      .Short("targets")
      .Example("A node, and where it does not answer a folder",
               "from: {file: \"results/**\"}\n"
               "to: {decentralized: {targets: [ipfs, archive], archive: {folder: archive/}}}")
      .Example("Rows as a file, at two places or not at all",
               "sql: SELECT * FROM gold.words\n"
               "to: {decentralized: {targets: [ipfs, archive], require: 2, path: words.parquet}}")
      .Check(CheckTargets)
      .Check(CheckUpload);
  return spec;
}

Result<std::unique_ptr<Sink>> MakeDecentralized(const DecentralizedConfig& config,
                                                ConnectContext& context) {
  std::vector<TargetChoice> targets;
  for (const std::string& name : config.targets) targets.push_back(Kinds().at(name)(config));
  return MakeUploadSink("decentralized", config, std::move(targets),
                        {.require = config.require, .order = config.order}, context);
}

SinkTraits DecentralizedTraits(const DecentralizedConfig& config) {
  return TraitsOfUpload(config);
}

// --- one target

struct StorachaSinkConfig : UploadConfig, StorachaConfig {};

Spec<StorachaSinkConfig> StorachaSinkSpec() {
  Spec<StorachaSinkConfig> spec(
      "storacha sink",
      "Content in a space of Storacha: every shard's acceptance is seen before it counts as "
      "stored. Until then it waits in the state folder: nothing is lost. What is stored there "
      "anybody can read.");
  spec.Field("connection",
             static_cast<std::string StorachaSinkConfig::*>(&StorachaConfig::connection),
             kConnectionHelp);
  AddStorachaFields(spec);
  AddUploadFields(spec);
  spec.Short("path")
      .Example("A folder of files",
               "from: {file: \"results/**\"}\n"
               "to: {storacha: {token: \"${STORACHA_API_TOKEN}\", url: \"${STORACHA_API_URL}\"}}")
      .Example("Rows as a file, by a connection",
               "sql: SELECT * FROM gold.words\n"
               "to: {storacha: {connection: space, path: words.parquet}}")
      .Check([](const StorachaSinkConfig& config) { return CheckStoracha(config); })
      .Check([](const StorachaSinkConfig& config) { return CheckUpload(config); });
  return spec;
}

Result<std::unique_ptr<Sink>> MakeStorachaSink(const StorachaSinkConfig& config,
                                               ConnectContext& context) {
  return MakeUploadSink("storacha", config, {ChooseStoracha(config)}, {}, context);
}

SinkTraits StorachaTraits(const StorachaSinkConfig& config) { return TraitsOfUpload(config); }

Spec<StorachaConfig> StorachaConnectionSpec() {
  Spec<StorachaConfig> spec("storacha connection",
                            "A space of Storacha, and what allows to upload to it.");
  AddStorachaFields(spec);
  spec.Example("A space of the public service",
               "connections:\n  space: {storacha: {token: \"${STORACHA_API_TOKEN}\"}}");
  return spec;
}

struct IpfsSinkConfig : UploadConfig, IpfsConfig {};

Spec<IpfsSinkConfig> IpfsSinkSpec() {
  Spec<IpfsSinkConfig> spec("ipfs sink",
                            "Content at a Kubo node: imported as CAR files, and pinned. Until the "
                            "node has it, it waits in the state folder: nothing is lost.");
  spec.Field("connection", static_cast<std::string IpfsSinkConfig::*>(&IpfsConfig::connection),
             kConnectionHelp);
  AddIpfsFields(spec);
  AddUploadFields(spec);
  spec.Short("path")
      .Example("A folder of files", "from: {file: \"results/**\"}\nto: {ipfs: {}}")
      .Example("Rows as a file of a node elsewhere",
               "sql: SELECT * FROM gold.words\n"
               "to: {ipfs: {connection: node, path: words.parquet}}")
      .Check([](const IpfsSinkConfig& config) { return CheckUpload(config); });
  return spec;
}

Result<std::unique_ptr<Sink>> MakeIpfsSink(const IpfsSinkConfig& config, ConnectContext& context) {
  return MakeUploadSink("ipfs", config, {ChooseIpfs(config)}, {}, context);
}

SinkTraits IpfsTraits(const IpfsSinkConfig& config) { return TraitsOfUpload(config); }

Spec<IpfsConfig> IpfsConnectionSpec() {
  Spec<IpfsConfig> spec("ipfs connection", "A Kubo node, and how to sign in.");
  AddIpfsFields(spec);
  spec.Example("A node",
               "connections:\n  node: {ipfs: {api: \"https://node.example.com:5001\", token: "
               "\"${secret:ipfs_token}\"}}");
  return spec;
}

}  // namespace

void Register(Registry& registry) {
  registry.AddConnection<IpfsConfig>("ipfs", IpfsConnectionSpec(), TestNode);
  registry.AddSource<ContentSourceConfig>("ipfs", ContentSourceSpec(), MakeContentSource,
                                          TraitsOfSource);
  registry.AddSink<IpfsSinkConfig>("ipfs", IpfsSinkSpec(), MakeIpfsSink, IpfsTraits);
  registry.AddConnection<StorachaConfig>("storacha", StorachaConnectionSpec(), TestStoracha);
  registry.AddSink<StorachaSinkConfig>("storacha", StorachaSinkSpec(), MakeStorachaSink,
                                       StorachaTraits);
  registry.AddSink<DecentralizedConfig>("decentralized", DecentralizedSpec(), MakeDecentralized,
                                        DecentralizedTraits);
}

}  // namespace millrace::content
