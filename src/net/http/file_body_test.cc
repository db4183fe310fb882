#include "net/http/file_body.h"

#include <gtest/gtest.h>

#include <fstream>

namespace millrace::http {
namespace {

std::string All(FileBodyReader& reader, size_t piece) {
  std::string all, buffer(piece, '\0');
  for (int64_t got = 0; (got = reader.Read(buffer.data(), piece)) > 0;)
    all.append(buffer, 0, static_cast<size_t>(got));
  return all;
}

TEST(FileBody, IsTheFileBetweenItsTextsHoweverItIsRead) {
  std::string path = std::string(::testing::TempDir()) + "/file_body";
  std::ofstream(path) << "0123456789";
  for (size_t piece : {1, 3, 7, 100}) {
    FileBody body{.path = path, .size = 10, .before = "<head>", .after = "</>"};
    FileBodyReader reader;
    ASSERT_TRUE(reader.Open(body).ok());
    EXPECT_EQ(reader.size(), 19);
    EXPECT_EQ(All(reader, piece), "<head>0123456789</>");
    ASSERT_TRUE(reader.Seek(8));
    EXPECT_EQ(All(reader, piece), "23456789</>");
    EXPECT_FALSE(reader.Seek(20));
  }
}

TEST(FileBody, AFileThatIsShorterIsNotSent) {
  std::string path = std::string(::testing::TempDir()) + "/file_body";
  std::ofstream(path) << "0123456789";
  FileBody body{.path = path, .size = 11}, none{.path = path + "-none", .size = 0};
  FileBodyReader reader;
  EXPECT_EQ(reader.Open(none).code(), Code::kNotFound);
  EXPECT_EQ(reader.Open(body).code(), Code::kInvalid);
  body.size = 10;
  ASSERT_TRUE(reader.Open(body).ok());
  std::ofstream(path, std::ios::trunc) << "01234";
  char buffer[10];
  EXPECT_EQ(reader.Read(buffer, 5), 5);
  EXPECT_EQ(reader.Read(buffer, 5), -1);
}

}  // namespace
}  // namespace millrace::http
