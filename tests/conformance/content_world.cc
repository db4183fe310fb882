#include "conformance/content_world.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "connect/content/upload.h"
#include "net/ipld/car_files.h"
#include "net/ipld/pack.h"
#include "net/ipld/unpack.h"

namespace millrace::conformance {

namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "MILLRACE_CONFORMANCE_IPFS", kPort[] = "MILLRACE_CONFORMANCE_IPFS_PORT";

// Whoever is first decides where it will be; its children read that in their environment.
class Node {
 public:
  static Node& Get() {
    static Node node;
    return node;
  }

  std::string address() const { return "http://127.0.0.1:" + port_; }
  void Start() {
    if (!ours_ || started_) return;
    started_ = true;
    std::string command = std::string(MILLRACE_SOURCE_FOLDER) +
                          "/tests/services/kubo_server.py start " + folder_ + " --port " + port_ +
                          " >/dev/null";
    if (std::system(command.c_str()) != 0) std::fprintf(stderr, "the suite's node: no start\n");
  }

 private:
  Node() : ours_(::getenv(kFolder) == nullptr) {
    if (ours_) {
      auto path = fs::temp_directory_path() / ("conformance_ipfs_" + std::to_string(::getpid()));
      fs::create_directories(path);
      ::setenv(kFolder, path.c_str(), 1);
      // Not one that the system gives to outgoing connections.
      ::setenv(kPort, std::to_string(19000 + ::getpid() % 900).c_str(), 1);
    }
    folder_ = ::getenv(kFolder);
    port_ = ::getenv(kPort);
  }
  ~Node() {
    if (!started_) return;
    pid_t node = 0;
    std::ifstream(folder_ + "/pid") >> node;
    if (node > 0) ::kill(node, SIGKILL);
    fs::remove_all(folder_);
  }

  const bool ours_;
  bool started_ = false;
  std::string folder_, port_;
};

Status UnpackInto(const std::string& car, const std::string& folder) {
  auto files = TRY(ipld::CarFiles::Open({car}, {.verify = true}, {}));
  return ipld::Unpack(files, files.roots().at(0), folder, {.overwrite = true}, {}).status();
}

std::string Parquet(const std::string& folder) {
  return "SELECT * FROM read_parquet(" + SqlLiteral(folder + "/**/*.parquet") +
         ", union_by_name := true)";
}

std::string Fault(const Status& status) {
  return "SELECT " + SqlLiteral(status.ToString()) + " AS id, NULL AS v";
}

}  // namespace

std::string NodeAddress() { return Node::Get().address(); }

std::unique_ptr<Storage> LakeBesideNode(const std::string& world_folder) {
  Node::Get().Start();
  return OpenLocalStorage(world_folder + "/lake");
}

std::string ReadNode(World& world) {
  std::string read = world.Path("incoming-read");  // the suite passes over what begins so
  fs::remove_all(read);
  auto uploads = content::Upload::All(world.Path(".millrace"));
  if (!uploads.ok()) return Fault(uploads.status());
  const content::Upload* newest = nullptr;
  for (const content::Upload& each : *uploads) {
    bool newer = !newest || newest->info().commit.sequence < each.info().commit.sequence;
    if (each.done() && newer) newest = &each;
  }
  if (!newest) return Parquet(read);
  fs::create_directories(read);
  std::string car = read + "/root.car";
  std::string command = "curl -sfS -X POST '" + NodeAddress() + "/api/v0/dag/export?arg=" +
                        newest->info().content.root.Text() + "&offline=true' -o '" + car + "'";
  if (std::system(command.c_str()) != 0) return Fault(Invalid("the node does not have it"));
  Status status = UnpackInto(car, read + "/root");
  return status.ok() ? Parquet(read) : Fault(status);
}

std::string ReadArchive(World& world, bool all) {
  std::string read = world.Path("incoming-read");  // the suite passes over what begins so
  fs::remove_all(read);
  std::vector<fs::path> cars;
  std::error_code none;
  for (fs::directory_iterator it(world.Path("kept"), none), end; !none && it != end;
       it.increment(none)) {
    bool part = it->path().filename().string().starts_with('.');
    if (!part && it->path().extension() == ".car") cars.push_back(it->path());
  }
  std::ranges::sort(cars, {}, [](const fs::path& car) { return fs::last_write_time(car); });
  if (!all && cars.size() > 1) cars.erase(cars.begin(), cars.end() - 1);
  for (const fs::path& car : cars) {
    Status status = UnpackInto(car.string(), read + "/" + car.stem().string());
    if (!status.ok()) return Fault(status);
  }
  return Parquet(read);
}

Status AddToCar(World& world, const std::string& rows) {
  std::string folder = world.Path("packed");
  fs::create_directories(folder);
  auto count = std::distance(fs::directory_iterator(folder), fs::directory_iterator());
  std::string file = folder + "/rows-" + std::to_string(count) + ".parquet";
  TRY(world.session().WriteFile({rows}, file, "parquet", {}, {}));
  // With the blocks of all that was there before, too.
  ipld::CarWriter car(world.Path("data.car"));
  std::vector<std::string> files;
  ipld::Packed packed;
  for (int64_t i = 0; i <= count; ++i) {
    files.push_back(folder + "/rows-" + std::to_string(i) + ".parquet");
    packed = TRY(ipld::Pack(files, {}, car, {}));
  }
  return car.Finish(packed.root).status();
}

}  // namespace millrace::conformance
