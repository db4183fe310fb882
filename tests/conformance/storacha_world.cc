#include "conformance/storacha_world.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/json.h"
#include "connect/content/upload.h"
#include "net/ipld/base_n.h"
#include "net/ipld/car_files.h"
#include "net/ipld/unpack.h"

namespace millrace::conformance {

namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "MILLRACE_CONFORMANCE_STORACHA";
constexpr char kPort[] = "MILLRACE_CONFORMANCE_STORACHA_PORT";
// Of a space and an agent with keys that everybody knows.
constexpr char kSpace[] = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";
constexpr char kToken[] =
    "uY29uZm9ybWFuY2U:uOqJlcm9vdHOB2CpYJQABcRIgPwmYrZpzzGMttG5OPOBhqHCLWwVXGEGpmSDkUwDYDC1ndmVy"
    "c2lvbgGaAgFxEiBvYPxrq-R0lczVO3wTQ1LkH_DOB2MbKMuo8-lijwYbeKdhc1hE7aEDQAtPYGeUWTjUz-AZFdyMI1"
    "ZlEPBtje_Ig8qbJRgCduXmqQ13MAN67PnW9bYynwpMb5cKq6G17in2EIupCLrf2g9hdmUwLjkuMWNhdHSBomNjYW5h"
    "KmR3aXRoeDhkaWQ6a2V5Ono2TWtvbjNOZWNkNk5ra3lmb0dvSHhpZDJ6bkdjNTlMVTNLN211YmFSY0ZiTGZMWGNhdW"
    "RYIu0BWlgXJVRdUzyM_7C2WMdi_YyqIWEi6vzjrfSGxB6eN6NjZXhw9mNpc3NYIu0Biojj3XQJ8ZX9UtstPLpdcspn"
    "Cb8dlBIb83SIAbQPb1xjcHJmgFkBcRIgPwmYrZpzzGMttG5OPOBhqHCLWwVXGEGpmSDkUwDYDC2hanVjYW5AMC45Lj"
    "HYKlglAAFxEiBvYPxrq-R0lczVO3wTQ1LkH_DOB2MbKMuo8-lijwYbeA";

Result<std::string> Shell(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return Invalid("cannot run " + command);
  std::string out, piece(4096, '\0');
  while (size_t got = std::fread(piece.data(), 1, piece.size(), pipe)) out.append(piece, 0, got);
  if (::pclose(pipe) != 0) return Invalid("failed: " + command);
  return out;
}

// Whoever is first decides where it will be; its children read that in their environment.
class Service {
 public:
  static Service& Get() {
    static Service service;
    return service;
  }

  std::string address() const { return "http://127.0.0.1:" + port_; }
  void Start() {
    if (!ours_ || started_) return;
    started_ = true;
    std::string start = std::string(MILLRACE_SOURCE_FOLDER) +
                        "/tests/services/storacha_server.py start " + folder_ + " --port " + port_ +
                        " >/dev/null && curl -sfS " + address() + "/_test/space -d '{\"space\": \"" +
                        kSpace + "\"}'";
    if (!Shell(start).ok()) std::fprintf(stderr, "the suite's Storacha service: no start\n");
  }

 private:
  Service() : ours_(::getenv(kFolder) == nullptr) {
    if (ours_) {
      auto path = fs::temp_directory_path() / ("conformance_storacha_" + std::to_string(::getpid()));
      fs::create_directories(path);
      ::setenv(kFolder, path.c_str(), 1);
      // Not one that the system gives to outgoing connections.
      ::setenv(kPort, std::to_string(18000 + ::getpid() % 900).c_str(), 1);
    }
    folder_ = ::getenv(kFolder);
    port_ = ::getenv(kPort);
  }
  ~Service() {
    if (!started_) return;
    pid_t service = 0;
    std::ifstream(folder_ + "/pid") >> service;
    if (service > 0) ::kill(service, SIGKILL);
    fs::remove_all(folder_);
  }

  const bool ours_;
  bool started_ = false;
  std::string folder_, port_;
};

// The shards from the nodes into a folder, and what they hold beside them.
Status Fetch(const content::Upload& upload, const std::string& folder) {
  Json state = Json::parse(TRY(Shell("curl -sfS " + Service::Get().address() + "/_test/state")));
  std::vector<std::string> cars;
  for (const ipld::ShardFile& shard : upload.info().content.shards) {
    std::string name = "/z" + ipld::Base58(shard.cid.multihash()) + ".blob";
    for (const Json& blob : state["blobs"]) {
      std::string url = blob["url"].get<std::string>();
      if (!url.ends_with(name)) continue;
      cars.push_back(folder + "/" + std::to_string(cars.size()) + ".car");
      TRY(Shell("curl -sfS -o '" + cars.back() + "' " + url));
      break;
    }
  }
  auto files = TRY(ipld::CarFiles::Open(cars, {.verify = true}, {}));
  return ipld::Unpack(files, upload.info().content.root, folder + "/root", {}, {}).status();
}

}  // namespace

std::string StorachaFields() {
  return "token: \"" + std::string(kToken) + "\", url: \"" + Service::Get().address() +
         "\", service_did: \"did:web:test.up.storacha.network\"";
}

std::unique_ptr<Storage> LakeBesideStoracha(const std::string& world_folder) {
  Service::Get().Start();
  return OpenLocalStorage(world_folder + "/lake");
}

std::string ReadStoracha(World& world) {
  std::string read = world.Path("incoming-read");  // what the suite takes for no part of a sink
  std::string rows = "SELECT * FROM read_parquet(" + SqlLiteral(read + "/**/*.parquet") +
                     ", union_by_name := true)";
  fs::remove_all(read);
  auto uploads = content::Upload::All(world.Path(".millrace"));
  const content::Upload* newest = nullptr;
  for (size_t i = 0; uploads.ok() && i < uploads->size(); ++i) {
    const content::Upload& each = uploads->at(i);
    bool newer = !newest || newest->info().commit.sequence < each.info().commit.sequence;
    if (each.done() && newer) newest = &each;
  }
  if (!newest) return rows;
  fs::create_directories(read);
  Status status = Fetch(*newest, read);
  if (status.ok()) return rows;
  return "SELECT " + SqlLiteral(status.ToString()) + " AS id, NULL AS v";
}

}  // namespace millrace::conformance
