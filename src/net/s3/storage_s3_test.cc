// The cases of every Storage, on the S3 server of the tests.
#include "net/s3/storage_s3.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/hash.h"
#include "base/storage_testing.h"
#include "net/s3/server_testing.h"

namespace millrace {
namespace {

class Server : public testing::Environment {
 public:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "s3_test.XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    server = std::make_unique<S3TestServer>(folder);
    ASSERT_FALSE(server->endpoint().empty()) << "the S3 server does not start";
  }
  void TearDown() override {
    server.reset();
    std::filesystem::remove_all(folder);
  }

  std::string folder;
  std::unique_ptr<S3TestServer> server;
};

Server* const server =
    static_cast<Server*>(testing::AddGlobalTestEnvironment(new Server));  // gtest owns it

std::shared_ptr<S3Client> Connect() { return ConnectForTest(server->server->endpoint()); }

struct S3World : StorageWorld {
  explicit S3World(std::string prefix) {
    EXPECT_TRUE(client->CreateBucket(bucket, {}).ok());
    storage = OpenS3Storage(client, {bucket, std::move(prefix), server->folder + "/local"});
  }
  const std::shared_ptr<S3Client> client = Connect();
  const std::string bucket = "b" + NewUuid();
};

INSTANTIATE_TEST_SUITE_P(
    S3, StorageTest,
    testing::Values(StorageKind{"bucket", [] { return std::make_unique<S3World>(""); }},
                    StorageKind{"prefix", [] { return std::make_unique<S3World>("a/b"); }}),
    NameOf);

TEST(S3StorageTest, HasTheServerCopy) {
  S3World world("p");
  ASSERT_TRUE(world.client->Put(world.bucket, "from/x y", "one", {}, {}).ok());
  S3Info there = *world.client->Head(world.bucket, "from/x y", {});
  ServerFile from{world.client->endpoint(), world.bucket, there.key,
                  there.size,               there.etag,   there.Sha256()};
  ASSERT_EQ(from.sha256, Sha256Hex("one"));
  ASSERT_TRUE(*world.storage->CopyFrom(from, "to/z", {}));
  EXPECT_EQ(world.storage->Stat("to/z")->sha256, from.sha256);
  ASSERT_TRUE(world.client->Put(world.bucket, "from/x y", "two", {}, {}).ok());
  EXPECT_EQ(world.storage->CopyFrom(from, "to/z", {}).code(), Code::kUnavailable);
  EXPECT_EQ(*world.storage->Read("to/z"), "one");
  from.sha256 = Sha256Hex("other");
  from.etag = "";
  EXPECT_EQ(world.storage->CopyFrom(from, "to/y", {}).code(), Code::kUnavailable);
}

TEST(S3StorageTest, TellsWhereItsObjectsAre) {
  auto client =
      *OpenS3({.endpoint = "http://127.0.0.1:1", .credentials = S3Credentials::kAnonymous});
  EXPECT_EQ(OpenS3Storage(client, {"b", "", ""})->Uri(""), "s3://b");
  EXPECT_EQ(OpenS3Storage(client, {"b", "p/q", ""})->Uri(""), "s3://b/p/q");
  EXPECT_EQ(OpenS3Storage(client, {"b", "p", ""})->Uri("x y"), "s3://b/p/x y");
}

}  // namespace
}  // namespace millrace
