#include "data/value_text.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string Decimal(std::string_view text, int precision, int scale) {
  __int128 value = 0;
  if (!ParseDecimal(text, precision, scale, value)) return "no";
  std::string out;
  AppendDecimal(out, value, scale);
  return out;
}

TEST(ValueText, Decimals) {
  EXPECT_EQ(Decimal("12.345", 4, 2), "12.35");
  EXPECT_EQ(Decimal("-12.345", 4, 2), "-12.35");
  EXPECT_EQ(Decimal("99.995", 4, 2), "no");
  EXPECT_EQ(Decimal("0.004", 4, 2), "0.00");
  EXPECT_EQ(Decimal("0.5", 1, 0), "1");
  EXPECT_EQ(Decimal("5e-3", 4, 2), "0.01");
  EXPECT_EQ(Decimal("4e-9", 4, 2), "0.00");
  EXPECT_EQ(Decimal("1.5E2", 5, 2), "150.00");
  EXPECT_EQ(Decimal("0e99999", 4, 2), "0.00");
  EXPECT_EQ(Decimal("1e99999", 38, 2), "no");
  EXPECT_EQ(Decimal("99999999999999999999999999999999999999", 38, 0),
            "99999999999999999999999999999999999999");
  EXPECT_EQ(Decimal("100000000000000000000000000000000000000", 38, 0), "no");
  EXPECT_EQ(Decimal(std::string(5000, '9'), 38, 0), "no");
  // Ten times as much is 2^128 and a little more: no small number.
  EXPECT_EQ(Decimal("341000000000000000000000000000000000000", 38, 0), "no");
  EXPECT_EQ(Decimal("34100000000000000000000000000000000000", 38, 1), "no");
  EXPECT_EQ(Decimal("3.41e38", 38, 0), "no");
  for (const char* wrong : {"", "-", ".", "1.2.3", "1e", "e1", "0x1", " 1", "1 ", "+-1", "nan"})
    EXPECT_EQ(Decimal(wrong, 10, 2), "no") << wrong;
}

TEST(ValueText, WholeNumbers) {
  int64_t value = 0;
  auto read = [&](std::string_view text) { return ParseInteger(text, value) ? value : -7; };
  EXPECT_EQ(read("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(read("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(read("9223372036854775808"), -7);
  EXPECT_EQ(read("1.000"), 1);
  EXPECT_EQ(read("12e2"), 1200);
  EXPECT_EQ(read("1.5"), -7);
  EXPECT_EQ(read("1e-1"), -7);
  EXPECT_EQ(read("1e30"), -7);
  EXPECT_EQ(read("1x"), -7);
}

std::string Moment(std::string_view text) {
  int64_t micros = 0;
  if (!ParseMicros(text, micros)) return "no";
  std::string out;
  AppendTimestamp(out, micros, true);
  return out;
}

TEST(ValueText, Times) {
  EXPECT_EQ(Moment("2026-11-21T06:50:52.123456Z"), "2026-11-21T06:50:52.123456Z");
  EXPECT_EQ(Moment("2026-11-21 06:50:52.5+01:30"), "2026-11-21T05:20:52.500000Z");
  EXPECT_EQ(Moment("2026-11-21T06:50:52-01:00"), "2026-11-21T07:50:52Z");
  EXPECT_EQ(Moment("2026-11-21T06:50:52.1234569"), "2026-11-21T06:50:52.123456Z");
  EXPECT_EQ(Moment("2026-11-21T06:50+0100"), "2026-11-21T05:50:00Z");
  EXPECT_EQ(Moment("2024-02-29"), "2024-02-29T00:00:00Z");
  EXPECT_EQ(Moment("1969-12-31T23:59:59.999999Z"), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(Moment("0001-01-01T00:00:00Z"), "0001-01-01T00:00:00Z");
  for (const char* wrong :
       {"2023-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-21T24:00:00Z",
        "2026-11-21T06:60:00Z", "2026-11-21T06:50:52.Z", "2026-11-21T06:50:52+1:00",
        "2026-11-21T06:50:52Zx", "2026-11-2106:50:52", "20x6-11-21T06:50:52Z", ""})
    EXPECT_EQ(Moment(wrong), "no") << wrong;
}

TEST(ValueText, TimesOfDayAndDays) {
  int64_t micros = 0;
  EXPECT_TRUE(ParseTimeOfDay("23:59:59.999999", micros));
  EXPECT_EQ(micros, 86'399'999'999);
  EXPECT_FALSE(ParseTimeOfDay("24:00", micros));
  EXPECT_FALSE(ParseTimeOfDay("10:00:00+01:00", micros));
  int32_t days = 0;
  EXPECT_TRUE(ParseDay("1969-12-31", days));
  EXPECT_EQ(days, -1);
  EXPECT_FALSE(ParseDay("2026-02-30", days));
  EXPECT_FALSE(ParseDay("2026-02-03T00:00", days));
}

}  // namespace
}  // namespace millrace
