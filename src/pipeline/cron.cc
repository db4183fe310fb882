#include "pipeline/cron.h"

#include <date/tz.h>

#include <charconv>
#include <optional>
#include <vector>

#include "base/text.h"

namespace millrace {

struct LocalMinute {
  date::local_seconds at;
  unsigned month = 1, day = 1, weekday = 0;
  unsigned hour = 0, minute = 0;
};

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kFarthest = std::chrono::days(8 * 366);

constexpr std::pair<std::string_view, std::string_view> kMacros[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};
constexpr std::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                        "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view kDays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct Field {
  const char* name;
  int least, most;
  const std::string_view* names = nullptr;  // of its values from `least`
  int name_count = 0;
};
constexpr Field kFields[] = {{"minute", 0, 59},
                             {"hour", 0, 23},
                             {"day of month", 1, 31},
                             {"month", 1, 12, kMonths, 12},
                             {"day of week", 0, 7, kDays, 7}};

std::optional<int> ReadValue(const Field& field, std::string_view text) {
  for (int i = 0; i < field.name_count; ++i) {
    if (ToLower(text) == field.names[i]) return field.least + i;
  }
  int value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < field.least || value > field.most) return std::nullopt;
  return value;
}

// One of "7", "1-5", "*/15", "0-30/10" of a list.
bool ReadPart(const Field& field, std::string_view part, std::bitset<64>& values) {
  int step = 1;
  size_t slash = part.find('/');
  if (slash != std::string_view::npos) {
    std::string_view text = part.substr(slash + 1);
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size() || step < 1) return false;
    part = part.substr(0, slash);
  }
  std::optional<int> first = field.least, last = field.most;
  if (part != "*") {
    size_t dash = part.find('-');
    first = ReadValue(field, part.substr(0, dash));
    if (dash != std::string_view::npos)
      last = ReadValue(field, part.substr(dash + 1));
    else if (slash == std::string_view::npos)
      last = first;
  }
  if (!first || !last || *first > *last) return false;
  for (int value = *first; value <= *last; value += step) values.set(value);
  return true;
}

Result<std::bitset<64>> ReadField(const Field& field, std::string_view text) {
  std::bitset<64> values;
  for (const std::string& part : Split(text, ',')) {
    if (ReadPart(field, part, values)) continue;
    return Invalid("'" + part + "' is not a " + field.name,
                   std::string("a ") + field.name + " is " + std::to_string(field.least) + " to " +
                       std::to_string(field.most) + ", *, */5, 1-5 or a list of these");
  }
  return values;
}

template <size_t N>
std::bitset<N> Cut(const std::bitset<64>& values) {
  std::bitset<N> cut;
  for (size_t i = 0; i < N; ++i) cut[i] = values[i];
  return cut;
}

LocalMinute Calendar(date::local_seconds at) {
  auto day = date::floor<date::days>(at);
  date::year_month_day date(day);
  auto time = at - day;
  return {.at = at,
          .month = static_cast<unsigned>(date.month()),
          .day = static_cast<unsigned>(date.day()),
          .weekday = date::weekday(day).c_encoding(),
          .hour = static_cast<unsigned>(std::chrono::duration_cast<hours>(time).count()),
          .minute =
              static_cast<unsigned>(std::chrono::duration_cast<minutes>(time).count() % 60)};
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!(text = Trim(text)).empty()) {
    size_t end = std::min(text.find_first_of(" \t"), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

}  // namespace

Result<Cron> Cron::Parse(std::string_view text, std::string_view timezone) {
  constexpr const char* kHint = "write five fields, as '*/5 * * * *', or @hourly, @daily…";
  std::string_view fields = Trim(text);
  for (const auto& [macro, meaning] : kMacros) {
    if (ToLower(fields) == macro) fields = meaning;
  }
  std::vector<std::string_view> words = Words(fields);
  if (words.size() != std::size(kFields)) {
    return Invalid("'" + std::string(text) + "' is not a schedule: it has " +
                       std::to_string(words.size()) + " fields",
                   kHint);
  }
  std::bitset<64> values[std::size(kFields)];
  for (size_t i = 0; i < words.size(); ++i) {
    auto read = ReadField(kFields[i], words[i]);
    if (!read.ok()) return read.status().In("schedule '" + std::string(text) + "'");
    values[i] = *read;
  }
  Cron cron;
  cron.minutes_ = Cut<60>(values[0]);
  cron.hours_ = Cut<24>(values[1]);
  cron.days_ = Cut<32>(values[2]);
  cron.months_ = Cut<13>(values[3]);
  cron.weekdays_ = Cut<7>(values[4]);
  if (values[4][7]) cron.weekdays_.set(0);
  cron.any_hour_ = cron.hours_.all();
  cron.any_day_ = words[2].starts_with('*');
  cron.any_weekday_ = words[4].starts_with('*');
  if (timezone.empty()) return cron;
  try {
    cron.zone_ = date::locate_zone(std::string(timezone));
  } catch (const std::exception&) {
    return Invalid("there is no time zone '" + std::string(timezone) + "'",
                   "use a name such as Europe/Berlin");
  }
  return cron;
}

bool Cron::FitsDay(const LocalMinute& at) const {
  if (!months_[at.month]) return false;
  bool day = days_[at.day], weekday = weekdays_[at.weekday];
  return any_day_ || any_weekday_ ? day && weekday : day || weekday;
}

// Whether anything is due in what clocks leave out before `gap_end`, local time as it would be.
bool Cron::FitsAnyIn(Time gap_end, Micros gap) const {
  auto end = zone_->to_local(date::floor<seconds>(gap_end));
  for (auto at = end - date::floor<seconds>(gap); at < end; at += minutes(1)) {
    LocalMinute minute = Calendar(at);
    if (FitsDay(minute) && hours_[minute.hour] && minutes_[minute.minute]) return true;
  }
  return false;
}

std::optional<Time> Cron::Next(Time after) const {
  auto at = date::floor<minutes>(after) + minutes(1);
  date::sys_info era{};  // of the zone at that time
  if (zone_) era = zone_->get_info(date::floor<seconds>(at));
  for (const auto last = at + kFarthest; at < last;) {
    if (zone_ && at >= era.end) {
      date::sys_info next = zone_->get_info(date::floor<seconds>(at));
      auto forward = next.offset - era.offset;
      bool begins = at - next.begin < minutes(1);
      era = next;
      if (begins && forward > seconds(0) && !any_hour_ && FitsAnyIn(at, forward)) return at;
    }
    LocalMinute local =
        Calendar(date::local_seconds(date::floor<seconds>(at).time_since_epoch() + era.offset));
    auto to_midnight = hours(24) - hours(local.hour) - minutes(local.minute);
    auto to_hour = minutes(60 - local.minute);
    // Not past a change of the clocks: what it leaves out is looked at there.
    auto jump = [&](minutes by) {
      auto there = at + by;
      if (zone_ && there > era.end) there = date::floor<minutes>(era.end);
      at = std::max(there, at + minutes(1));
    };
    if (!FitsDay(local)) {
      jump(std::chrono::duration_cast<minutes>(to_midnight));
    } else if (!hours_[local.hour]) {
      jump(to_hour);
    } else if (!minutes_[local.minute]) {
      at += minutes(1);
    } else {
      bool second_time =
          zone_ && !any_hour_ &&
          zone_->get_info(local.at).result == date::local_info::ambiguous &&
          zone_->to_sys(local.at, date::choose::earliest) < at;
      if (!second_time) return at;
      at += minutes(1);
    }
  }
  return std::nullopt;
}

}  // namespace millrace
