#include "net/ipld/part_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "base/scratch_folder.h"

namespace millrace::ipld {

namespace {

constexpr size_t kBuffer = size_t{4} << 20;  // of DirectOutput

std::string Contents(const std::string& path) {
  std::stringstream bytes;
  bytes << std::ifstream(path).rdbuf();
  return bytes.str();
}

std::string Noise(size_t size) {
  std::string bytes(size, '\0');
  std::mt19937 dice(7);
  for (char& c : bytes) c = static_cast<char>(dice());
  return bytes;
}

class PartFileTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(folder_.Make().ok()); }

  ScratchFolder folder_{std::filesystem::temp_directory_path().string(), "part-file-test-"};
  const std::string target_ = folder_.path() + "/out";
};

TEST_F(PartFileTest, PastTheCacheTheBytesAreTheSame) {
  const size_t sizes[] = {0, 1, kBuffer - 1, kBuffer, kBuffer + 1, 5 * kBuffer + 4097};
  for (size_t size : sizes) {
    std::string bytes = Noise(size);
    auto file = *PartFile::Create(target_, PartCaching::kPast);
    for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece * 3 + 1)
      ASSERT_TRUE(file->Append(std::string_view(bytes).substr(at, piece)).ok());
    ASSERT_TRUE(file->Commit(target_, /*sync=*/false).ok());
    EXPECT_TRUE(Contents(target_) == bytes) << size;
  }
}

TEST_F(PartFileTest, WhatWasWrittenPastTheCacheCanBeReadAndChanged) {
  std::string bytes = Noise(3 * kBuffer + 5);
  auto file = *PartFile::Create(target_, PartCaching::kPast);
  ASSERT_TRUE(file->Append(bytes).ok());
  std::string read(100, '\0');
  ASSERT_TRUE(file->ReadAt(static_cast<int64_t>(2 * kBuffer) - 50, read.data(), 100).ok());
  EXPECT_EQ(read, bytes.substr(2 * kBuffer - 50, 100));
  ASSERT_TRUE(file->WriteAt(1, "head").ok());
  bytes.replace(1, 4, "head");
  ASSERT_TRUE(file->Append("and more").ok());
  bytes += "and more";
  EXPECT_EQ(file->size(), static_cast<int64_t>(bytes.size()));
  ASSERT_TRUE(file->Commit(target_, /*sync=*/true).ok());
  EXPECT_TRUE(Contents(target_) == bytes);
}

TEST_F(PartFileTest, LeftAloneNothingStays) {
  {
    auto file = *PartFile::Create(target_, PartCaching::kPast);
    ASSERT_TRUE(file->Append(Noise(2 * kBuffer)).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(PartFileTest, AFullDiskIsTold) {
  Descriptor full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  DirectOutput out(full.get(), "out");
  std::string bytes = Noise(kBuffer);
  Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) status = out.Append(bytes);
  EXPECT_NE(status.message().find("cannot write out"), std::string::npos) << status.ToString();
  EXPECT_FALSE(out.Append(bytes).ok()) << "behind the gap";
  EXPECT_FALSE(out.End().ok());
}

TEST_F(PartFileTest, ADeviceIsNotReplaced) {
  EXPECT_EQ(PartFile::Create("/dev/full").code(), Code::kInvalid);
}

}  // namespace

}  // namespace millrace::ipld
