#include "pipeline/cron.h"

#include <gtest/gtest.h>

namespace millrace {
namespace {

std::string After(std::string_view schedule, std::string_view time, std::string_view zone = "") {
  auto cron = Cron::Parse(schedule, zone);
  if (!cron.ok()) return cron.status().ToString();
  std::optional<Time> next = cron->Next(*ParseTime(time));
  return next ? FormatTime(*next).substr(0, 16) : "never";
}

TEST(Cron, Fields) {
  EXPECT_EQ(After("*/5 * * * *", "2026-11-21 06:50"), "2026-11-21T06:55");
  EXPECT_EQ(After("*/5 * * * *", "2026-11-21 06:54:59.9"), "2026-11-21T06:55");
  EXPECT_EQ(After("0 */6 * * *", "2026-11-21 18:00"), "2026-11-22T00:00");
  EXPECT_EQ(After("30 9 * * mon-fri", "2026-11-20 10:00"), "2026-11-23T09:30");
  EXPECT_EQ(After("15,45 8-10/2 1 jan *", "2026-11-21"), "2027-01-01T08:15");
  EXPECT_EQ(After("0 0 29 2 *", "2026-11-21"), "2028-02-29T00:00");
  EXPECT_EQ(After("0 0 30 2 *", "2026-11-21"), "never");
  EXPECT_EQ(After("0 12 * * 7", "2026-11-21 13:00"), "2026-11-22T12:00");
  EXPECT_EQ(After("5/20 * * * *", "2026-11-21 06:26"), "2026-11-21T06:45");
}

TEST(Cron, EitherOfTwoDays) {
  EXPECT_EQ(After("0 0 13 * fri", "2026-11-13 00:00"), "2026-11-20T00:00");
  EXPECT_EQ(After("0 0 13 * fri", "2026-12-11 00:00"), "2026-12-13T00:00");
}

TEST(Cron, Names) {
  EXPECT_EQ(After("@hourly", "2026-11-21 06:50"), "2026-11-21T07:00");
  EXPECT_EQ(After("@weekly", "2026-11-21 06:50"), "2026-11-22T00:00");
  EXPECT_EQ(After("@yearly", "2026-11-21 06:50"), "2027-01-01T00:00");
}

TEST(Cron, TimeZones) {
  EXPECT_EQ(After("0 8 * * *", "2026-11-21 06:00", "Europe/Berlin"), "2026-11-21T07:00");
  EXPECT_EQ(After("0 8 * * *", "2026-07-21 05:00", "Europe/Berlin"), "2026-07-21T06:00");
  // 2027-03-28: 02:00 to 03:00 is left out, at 01:00 UTC.
  EXPECT_EQ(After("30 2 * * *", "2027-03-27 12:00", "Europe/Berlin"), "2027-03-28T01:00");
  EXPECT_EQ(After("30 2 * * *", "2027-03-28 01:00", "Europe/Berlin"), "2027-03-29T00:30");
  EXPECT_EQ(After("0 3 * * *", "2027-03-27 12:00", "Europe/Berlin"), "2027-03-28T01:00");
  // 2026-10-25: 02:00 to 03:00 is there twice, from 00:00 UTC to 02:00.
  EXPECT_EQ(After("30 2 * * *", "2026-10-24 12:00", "Europe/Berlin"), "2026-10-25T00:30");
  EXPECT_EQ(After("30 2 * * *", "2026-10-25 00:30", "Europe/Berlin"), "2026-10-26T01:30");
  EXPECT_EQ(After("*/30 * * * *", "2026-10-25 00:30", "Europe/Berlin"), "2026-10-25T01:00");
}

TEST(Cron, Mistakes) {
  EXPECT_TRUE(After("* * * *", "2026-11-21").starts_with("'* * * *' is not a schedule"));
  EXPECT_TRUE(After("60 * * * *", "2026-11-21").find("'60' is not a minute") != std::string::npos);
  EXPECT_TRUE(After("0 0 * * *", "2026-11-21", "Mars/Base").starts_with("there is no time zone"));
  for (const char* wrong : {"* * * * * *", "a * * * *", "5-1 * * * *", "*/0 * * * *", "@often", "",
                            "1, * * * *", "* * 0 * *", "* * * 13 *", "* * * * 8"}) {
    EXPECT_FALSE(Cron::Parse(wrong, "").ok()) << wrong;
  }
}

}  // namespace
}  // namespace millrace
