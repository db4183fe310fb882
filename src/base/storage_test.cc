#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/storage_testing.h"

namespace millrace {
namespace {

struct LocalWorld : StorageWorld {
  LocalWorld() {
    std::string pattern = (std::filesystem::temp_directory_path() / "storage_test.XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    std::ofstream(folder + "/secret") << "x";
    storage = OpenLocalStorage(folder + "/root");
  }
  ~LocalWorld() override { std::filesystem::remove_all(folder); }

  std::string folder;
};

INSTANTIATE_TEST_SUITE_P(Local, StorageTest,
                         testing::Values(StorageKind{"local", std::make_unique<LocalWorld>}),
                         NameOf);

class LocalStorageTest : public testing::Test {
 protected:
  LocalWorld world_;
  const std::string& folder_ = world_.folder;
  Storage* const storage_ = world_.storage.get();
};

TEST_F(LocalStorageTest, TellsOfAFolderThatIsAFile) {
  ASSERT_TRUE(storage_->Put("t", "1").ok());
  Status status = storage_->Put("t/x", "1");
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(folder_ + "/root/t"), std::string::npos) << status.message();
}

TEST_F(LocalStorageTest, SyncsFilesOfOthers) {
  std::filesystem::create_directories(folder_ + "/root/t/p=1");
  std::ofstream(folder_ + "/root/t/p=1/x") << "x";
  EXPECT_TRUE(storage_->Sync({"t/p=1/x"}).ok());
  EXPECT_EQ(storage_->Sync({"t/p=1/none"}).code(), Code::kNotFound);
}

}  // namespace
}  // namespace millrace
