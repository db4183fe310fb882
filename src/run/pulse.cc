#include "run/pulse.h"

#include <algorithm>
#include <cmath>

namespace millrace {

namespace {

std::string Rate(double per_second) {
  if (per_second >= 10 || per_second == 0) return FormatCount(std::llround(per_second));
  std::string text = std::to_string(per_second);
  return text.substr(0, text.find('.') + 2);
}

}  // namespace

void Pulse::Beat(int64_t rows, std::optional<Time> oldest, Time now) {
  if (since_ == Time()) since_ = now;
  rows_ += rows;
  if (!oldest) return;
  Micros latency = std::max(now - *oldest, Micros(0));
  ++beats_;
  latency_sum_ += latency;
  latency_max_ = std::max(latency_max_, latency);
}

Pulse::Reading Pulse::Read(const std::vector<Lag>& lags, Time now) {
  Reading reading;
  double seconds = std::chrono::duration<double>(now - since_).count();
  if (seconds > 0) reading.rows_per_second = static_cast<double>(rows_) / seconds;
  if (beats_ > 0) {
    reading.latency_mean = latency_sum_ / beats_;
    reading.latency_max = latency_max_;
  }
  for (const Lag& lag : lags) {
    reading.behind += lag.behind;
    reading.behind_unit = lag.unit;
  }
  *this = Pulse();
  since_ = now;
  return reading;
}

std::string Pulse::Reading::Words() const {
  std::string words = Rate(rows_per_second) + " rows/s";
  if (latency_mean) {
    words += ", " + FormatDuration(*latency_mean) + " from end to end (at most " +
             FormatDuration(*latency_max) + ")";
  }
  if (behind_unit == "bytes")
    words += ", " + FormatBytes(behind) + " behind";
  else if (!behind_unit.empty())
    words += ", " + FormatCount(behind) + " " + behind_unit + " behind";
  return words;
}

}  // namespace millrace
