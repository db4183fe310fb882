#include "conformance/s3_world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <map>

#include "base/storage_mounts.h"
#include "conformance/suite.h"
#include "net/s3/server_testing.h"
#include "net/s3/storage_s3.h"

namespace millrace::conformance {

namespace {

namespace fs = std::filesystem;

constexpr char kFolder[] = "MILLRACE_CONFORMANCE_S3", kPort[] = "MILLRACE_CONFORMANCE_S3_PORT";

std::string FreePort() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool ok = ::bind(probe, any, length) == 0 && ::getsockname(probe, any, &length) == 0;
  ::close(probe);
  return ok ? std::to_string(::ntohs(address.sin_port)) : "";
}

// Whoever is first decides where it will be; its children read that in their environment.
class Server {
 public:
  static Server& Get() {
    static Server server;
    return server;
  }

  const std::string& folder() const { return folder_; }
  std::string endpoint() const { return "http://127.0.0.1:" + port_; }
  S3Client& client() {
    if (!client_) {
      if (ours_) server_ = std::make_unique<S3TestServer>(folder_, std::atoi(port_.c_str()));
      client_ = ConnectForTest(endpoint());
    }
    return *client_;
  }
  std::shared_ptr<S3Client> shared_client() {
    client();
    return client_;
  }

 private:
  Server() : ours_(::getenv(kFolder) == nullptr) {
    if (ours_) {
      std::string path = fs::temp_directory_path() / ("conformance_s3_" + std::to_string(::getpid()));
      ::setenv(kFolder, path.c_str(), 1);
      ::setenv(kPort, FreePort().c_str(), 1);
    }
    folder_ = ::getenv(kFolder);
    port_ = ::getenv(kPort);
  }
  ~Server() {
    client_.reset();
    if (!server_) return;
    server_.reset();
    fs::remove_all(folder_);
  }

  const bool ours_;
  std::string folder_, port_;
  std::unique_ptr<S3TestServer> server_;
  std::shared_ptr<S3Client> client_;
};

}  // namespace

std::string S3Fields() {
  return "endpoint: \"" + Server::Get().endpoint() +
         "\", access_key: testkey, secret_key: test-secret-key, attempts: 3";
}

std::string S3Bucket(const std::string& world_folder) {
  return Server::Get().folder() + "/buckets/" + World::NameOf(world_folder);
}

Status PutIntoBucket(const std::string& world_folder, const std::string& key,
                     const std::string& file) {
  return Server::Get()
      .client()
      .PutFile(World::NameOf(world_folder), key, file, {}, {})
      .status();
}

std::unique_ptr<Storage> LakeBesideS3(const std::string& world_folder, bool landing_there) {
  Server& server = Server::Get();
  std::string bucket = World::NameOf(world_folder);
  Status made = server.client().CreateBucket(bucket, {});
  if (!made.ok()) std::fprintf(stderr, "the suite's bucket: %s\n", made.ToString().c_str());
  std::unique_ptr<Storage> lake = OpenLocalStorage(world_folder + "/lake");
  if (!landing_there) return lake;
  std::map<std::string, std::unique_ptr<Storage>> layers;
  layers["landing"] = OpenS3Storage(server.shared_client(),
                                    {bucket, "landing", world_folder + "/.millrace"});
  return MountStorages(std::move(lake), std::move(layers));
}

}  // namespace millrace::conformance
