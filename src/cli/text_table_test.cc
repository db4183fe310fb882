#include "cli/text_table.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("äöü"), 3);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1);
  EXPECT_EQ(DisplayWidth("\033[31mred\033[0m"), 3);
  EXPECT_EQ(DisplayWidth("\xFF\xFE"), 2) << "bytes that are no UTF-8 count as themselves";
}

TEST(FitWidth, CutsAtTheColumn) {
  EXPECT_EQ(FitWidth("abcdef", 6), "abcdef");
  EXPECT_EQ(FitWidth("abcdef", 4), "abc…");
  EXPECT_EQ(FitWidth("日本語", 4), "日…");
  EXPECT_EQ(FitWidth("\033[31mabcdef\033[0m", 3), "\033[31mab…\033[0m");
}

TEST(Printable, ShowsControlCharacters) { EXPECT_EQ(Printable("a\nb\x1b[2J"), "a\\nb\\x1b[2J"); }

TEST(FitColumns, CutsTheWidestFirst) {
  EXPECT_EQ(FitColumns({{10, 6}, {10, 6}}, 30, 2), (std::vector<int>{10, 10}));
  EXPECT_EQ(FitColumns({{10, 6}, {40, 6}}, 32, 2), (std::vector<int>{10, 20}));
  EXPECT_EQ(FitColumns({{30, 6}, {30, 6}}, 32, 2), (std::vector<int>{15, 15}));
}

TEST(FitColumns, KeepsWhatMayNotBeCut) {
  EXPECT_EQ(FitColumns({{30, 30}, {20, 6}}, 40, 2), (std::vector<int>{30, 8}));
}

TEST(FitColumns, LeavesOutTheMiddleWhenCuttingDoesNotHelp) {
  std::vector<int> fitted = FitColumns(std::vector<ColumnWidth>(20, {10, 6}), 40, 2);
  EXPECT_GE(fitted.front(), 6);
  EXPECT_GE(fitted.back(), 6);
  EXPECT_EQ(fitted[10], 0);
  int total = -2;
  for (int width : fitted) total += width > 0 ? width + 2 : 0;
  EXPECT_LE(total, 40);
  EXPECT_GE(total, 36) << "what was cut grows again when others have gone";
}

TEST(FitColumns, MinorColumnsGoFirst) {
  std::vector<ColumnWidth> columns = {{10, 10}, {10, 10, true}, {10, 10}, {10, 10}};
  EXPECT_EQ(FitColumns(columns, 36, 2), (std::vector<int>{10, 0, 10, 10}));
}

TEST(FitColumns, TwoColumnsStay) {
  EXPECT_EQ(FitColumns({{50, 50}, {50, 50}}, 40, 2), (std::vector<int>{50, 50}));
}

TEST(TextTable, LeavesOutOptionalColumnsWithoutContent) {
  Terminal terminal("never");
  TextTable table({{"a"}, {.name = "b", .optional = true}, {.name = "c", .optional = true}});
  table.Add({{"1"}, {""}, {"3"}});
  EXPECT_EQ(table.Format(terminal), "a  c\n1  3\n");
}

TEST(TextTable, AlignsNumbersAndShowsNull) {
  Terminal terminal("never");
  TextTable table({{"name", false, "varchar"}, {"n", true, "bigint"}});
  table.Add({{"a"}, {"1"}});
  table.Add({{std::nullopt}, {"1000"}});
  EXPECT_EQ(table.Format(terminal),
            "name          n\n"
            "varchar  bigint\n"
            "a             1\n"
            "NULL       1000\n");
}

}  // namespace
}  // namespace millrace
