#include "connect/file/listing.h"

#include "base/text.h"
#include "connect/test_lake.h"

namespace millrace::file {
namespace {

class ListingTest : public ConnectTest {
 protected:
  std::string List(const std::vector<std::string>& patterns, bool hidden = false) {
    auto files = ListFiles({folder_, patterns, hidden}, {});
    if (!files.ok()) return files.status().ToString();
    std::vector<std::string> paths;
    for (const FoundFile& file : *files) {
      EXPECT_EQ(file.size, 1) << file.path;
      EXPECT_TRUE(std::filesystem::exists(file.absolute)) << file.absolute;
      paths.push_back(file.path);
    }
    return Join(paths, " ");
  }
};

TEST_F(ListingTest, FilesFoldersAndGlobs) {
  for (const char* path : {"d/a.csv", "d/b.csv", "d/c.json", "d/x/a.csv", "d/x/y/z.csv", "e/f.csv"})
    Put(path, "1");
  EXPECT_EQ(List({"d/a.csv"}), "d/a.csv");
  EXPECT_EQ(List({"./d//a.csv"}), "d/a.csv");
  EXPECT_EQ(List({"d/*.csv"}), "d/a.csv d/b.csv");
  EXPECT_EQ(List({"d/**/*.csv"}), "d/a.csv d/b.csv d/x/a.csv d/x/y/z.csv");
  EXPECT_EQ(List({"*/*.csv"}), "d/a.csv d/b.csv e/f.csv");
  EXPECT_EQ(List({"d/[bc].*"}), "d/b.csv d/c.json");
  EXPECT_EQ(List({"d"}), "d/a.csv d/b.csv d/c.json d/x/a.csv d/x/y/z.csv");
  EXPECT_EQ(List({"d/", "e/f.csv", "d/a.csv"}),
            "d/a.csv d/b.csv d/c.json d/x/a.csv d/x/y/z.csv e/f.csv");
  EXPECT_EQ(List({Path("e/*.csv")}), "e/f.csv") << "absolute, in the pipeline's folder";
}

TEST_F(ListingTest, HiddenAndHalfWrittenOnesAreLeftOut) {
  for (const char* path :
       {"d/a.csv", "d/.b.csv", "d/_c.csv", "d/d.csv.tmp", "d/e.part", "d/f~", "d/.g/h.csv"}) {
    Put(path, "1");
  }
  EXPECT_EQ(List({"d"}), "d/a.csv");
  EXPECT_EQ(List({"d/*"}), "d/a.csv");
  EXPECT_EQ(List({"d/_c.csv"}), "d/_c.csv") << "named, it is meant";
  EXPECT_EQ(List({"d"}, true), "d/.b.csv d/.g/h.csv d/_c.csv d/a.csv d/d.csv.tmp d/e.part d/f~");
}

TEST_F(ListingTest, NamesWithWildcardsInThem) {
  Put("d/a[1].csv", "1");
  EXPECT_EQ(List({"d/a[1].csv"}), "d/a[1].csv");
}

TEST_F(ListingTest, LinksToFilesAreFollowedToFoldersNot) {
  Put("d/a.csv", "1");
  std::filesystem::create_symlink(Path("d/a.csv"), Path("d/b.csv"));
  std::filesystem::create_directory_symlink(Path("d"), Path("d/circle"));
  std::filesystem::create_symlink(Path("nowhere"), Path("d/dead.csv"));
  EXPECT_EQ(List({"d/**"}), "d/a.csv d/b.csv");
}

TEST_F(ListingTest, WhatIsMissingIsToldWithWhatIsThere) {
  Put("d/orders.csv", "1");
  EXPECT_EQ(List({"d/ordrs.csv"}),
            "there is no file 'd/ordrs.csv' in " + Path("d") + " (did you mean 'd/orders.csv'?)");
  EXPECT_EQ(List({"d/*.parquet"}),
            "no file matches 'd/*.parquet' in " + Path("d") + " (there is orders.csv)");
  EXPECT_EQ(List({"x/*.csv"}), "there is no folder " + Path("x") + " to look for 'x/*.csv' in");
  std::filesystem::create_directory(Path("empty"));
  EXPECT_EQ(List({"empty"}),
            "the folder " + Path("empty") +
                " has no files (hidden and temporary files are left out without `hidden: true`)");
}

TEST_F(ListingTest, ManyFilesAreListedFast) {
  for (int i = 0; i < 5000; ++i) Put("d/" + std::to_string(i) + ".csv", "1");
  auto begin = std::chrono::steady_clock::now();
  auto files = ListFiles({folder_, {"d/*.csv"}, false}, {});
  auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(files->size(), 5000u);
  EXPECT_LT(took, std::chrono::seconds(1));
}

}  // namespace
}  // namespace millrace::file
