#include "net/http/retry_policy.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <string>

#include "base/text.h"

namespace millrace::http {

std::optional<Micros> ParseRetryAfter(std::string_view value, Time now) {
  std::string_view text = Trim(value);
  if (text.empty()) return std::nullopt;
  int64_t seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (seconds < 0) return std::nullopt;
    return std::chrono::seconds(std::min<int64_t>(seconds, 365 * 86400));
  }
  time_t date = curl_getdate(std::string(text).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::max(Micros(0), Time(std::chrono::seconds(date)) - now);
}

Micros Backoff(const RetryPolicy& policy, int attempt, double jitter) {
  Micros delay = policy.first_delay;
  for (int i = 1; i < attempt && delay < policy.max_delay; ++i) delay *= 2;
  delay = std::min(delay, policy.max_delay);
  return Micros(static_cast<int64_t>(static_cast<double>(delay.count()) * (0.5 + jitter / 2)));
}

double Jitter() {
  thread_local std::mt19937_64 random(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace millrace::http
