// The page shows these files, exactly: one that changes here and not there fails.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace {

std::string Text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(ConnectorsPage, ShowsTheFilesThatAreCompiled) {
  std::string docs = std::string(MILLRACE_SOURCE_FOLDER) + "/docs/";
  std::string page = Text(docs + "CONNECTORS.md");
  for (const char* file : {"lines.h", "lines.cc", "source.cc", "sink.cc", "kinds.cc"}) {
    std::string code = Text(docs + "connector_example/" + file);
    ASSERT_FALSE(code.empty()) << file;
    EXPECT_NE(page.find("```cpp\n" + code + "```\n"), std::string::npos)
        << "docs/CONNECTORS.md does not show docs/connector_example/" << file << " as it is";
  }
}

}  // namespace
