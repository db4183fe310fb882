#include "cli/options.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(Options, NumbersAreWholeAndNotNegative) {
  int limit = 20;
  Options options;
  options.Value("--limit", "N", &limit, "How many");
  const OptionInfo& info = options.all().front();
  EXPECT_EQ(info.default_text, "20");
  EXPECT_TRUE(info.set("5").ok());
  EXPECT_EQ(limit, 5);
  for (const char* bad : {"", "x", "5x", "-1", "99999999999"})
    EXPECT_FALSE(info.set(bad).ok()) << bad;
  EXPECT_EQ(limit, 5);
}

TEST(Options, AChoiceSuggests) {
  std::string format = "table";
  Options options;
  options.Choice("--format", &format, {"table", "csv", "json"}, "How");
  Status status = options.all().front().set("jsno");
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_EQ(status.hint(), "did you mean 'json'?");
  EXPECT_EQ(format, "table");
}

}  // namespace
}  // namespace millrace
