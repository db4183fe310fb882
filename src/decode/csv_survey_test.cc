#include "decode/csv_survey.h"

#include <gtest/gtest.h>

namespace millrace::csv {
namespace {

struct Seen {
  std::string copy, broken;
};

Seen Look(const LineRules& rules, std::string_view text, size_t piece) {
  Seen seen;
  auto keep = [&](std::string_view bytes) {
    seen.copy += bytes;
    return Status::Ok();
  };
  Surveyor surveyor(rules, keep, "x");
  for (size_t at = 0; at < text.size(); at += piece) {
    EXPECT_TRUE(surveyor.Feed(text.substr(at, piece)).ok());
  }
  Result<Survey> survey = surveyor.Finish();
  EXPECT_TRUE(survey.ok()) << survey.status().ToString();
  for (const BrokenLine& each : survey->broken) {
    seen.broken += std::to_string(each.line) + " " + each.rule + "\n";
  }
  return seen;
}

// A quote on the second line was not looked for again after the first was found broken: the line
// passed as whole, and the engine would have taken all that follows for one value.
TEST(Surveyor, LooksAgainAtTheLineAfterABrokenOne) {
  LineRules rules{.delimiter = ";", .max_line = 16};
  for (size_t piece : {100, 1}) {
    Seen seen = Look(rules, "1;\"a\n2;\";x 34567890\n3;ok\n", piece);
    EXPECT_EQ(seen.copy, "x\nx\n3;ok\n") << piece;
    EXPECT_EQ(seen.broken.substr(seen.broken.find('\n')), "\n2 csv_unclosed_quote\n") << piece;
  }
}

}  // namespace
}  // namespace millrace::csv
