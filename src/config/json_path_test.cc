#include "config/json_path.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace {
namespace {

std::string At(const std::string& path, const std::string& document) {
  auto parsed = JsonPath::Parse(path);
  if (!parsed.ok()) return parsed.status().message();
  Json json = Json::parse(document);
  const Json* found = parsed->First(json);
  return found ? found->dump() : "none";
}

TEST(JsonPath, Leads) {
  const std::string document = R"({"a": {"b": [{"c": 1}, {"c": 2, "d": 3}]}, "@x.y": 4})";
  EXPECT_EQ(At("a.b[1].c", document), "2");
  EXPECT_EQ(At("$.a.b[-1].d", document), "3");
  EXPECT_EQ(At("a.b[*].d", document), "3") << "the first that leads on";
  EXPECT_EQ(At("'@x.y'", document), "4");
  EXPECT_EQ(At("a.b[2]", document), "none");
  EXPECT_EQ(At("a.b.c", document), "none");
  EXPECT_EQ(At("a[0]", document), "none");
  EXPECT_EQ(At("", "[1]"), "[1]");
  EXPECT_EQ(At("$", "[1]"), "[1]");
  EXPECT_EQ(At("[0]", "[1]"), "1");
}

TEST(JsonPath, Mistakes) {
  for (const char* path : {"a..b", "a.", ".a", "a[", "a[x]", "a[]", "a[1]b", "'a", "a[1.5]"})
    EXPECT_FALSE(JsonPath::Parse(path).ok()) << path;
}

}  // namespace
}  // namespace millrace
