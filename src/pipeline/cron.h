// When a schedule is due: cron's five fields, or @hourly and its like, by the clock of a time zone.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/time.h"

namespace date {
class time_zone;
}

namespace millrace {

class Cron {
 public:
  // "*/5 * * * *" (minute, hour, day of month, month, day of week with 0 and 7 for Sunday; names of
  // months and days as in "mon-fri"), @hourly @daily @midnight @weekly @monthly @yearly @annually.
  // `timezone`: "Europe/Berlin"; "" is UTC. As cron does, a day fits when either of its two fields
  // fits, where both are given.
  static Result<Cron> Parse(std::string_view text, std::string_view timezone);

  // The first time after `after`; nullopt when there is none within eight years ("0 0 30 2 *").
  // Where clocks are put forward, what would fall into the hour left out is due at its end; where
  // they are put back, what names its hours is due the first time only.
  std::optional<Time> Next(Time after) const;

 private:
  bool FitsDay(const struct LocalMinute& at) const;
  bool FitsAnyIn(Time gap_end, Micros gap) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;    // of the month, from 1
  std::bitset<13> months_;  // from 1
  std::bitset<7> weekdays_;
  bool any_hour_ = false, any_day_ = false, any_weekday_ = false;
  const date::time_zone* zone_ = nullptr;  // null: UTC
};

}  // namespace millrace
