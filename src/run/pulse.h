// How a stream does: rows a second, and the time from a record's birth to its commit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "connect/source.h"

namespace millrace {

class Pulse {
 public:
  // An interval of so many rows was committed at `now`. `oldest`: when the first of its records
  // came about, where the source tells.
  void Beat(int64_t rows, std::optional<Time> oldest, Time now);

  struct Reading {
    double rows_per_second = 0;
    std::optional<Micros> latency_mean, latency_max;  // of intervals, by their oldest record
    int64_t behind = 0;
    std::string behind_unit;  // "" where no source tells
    std::string Words() const;
  };
  bool IsDue(Time now) const { return now >= since_ + kEvery; }
  // Of the time since the last reading, and begins anew.
  Reading Read(const std::vector<Lag>& lags, Time now);

  static constexpr Micros kEvery = std::chrono::seconds(10);

 private:
  Time since_;
  int64_t rows_ = 0, beats_ = 0;
  Micros latency_sum_{0}, latency_max_{0};
};

}  // namespace millrace
