#include "s3/http_date.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/strings.h"

namespace datashim::s3 {
namespace {

// Digits only, as many as there are.
std::optional<int> Number(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

struct Civil {
  std::optional<int> year, month, day, hour, minute, second;
};

std::optional<WallTime> ToTime(const Civil& civil) {
  if (!civil.year || !civil.month || !civil.day || !civil.hour ||
      !civil.minute || !civil.second) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(*civil.year),
      std::chrono::month(static_cast<unsigned>(*civil.month)),
      std::chrono::day(static_cast<unsigned>(*civil.day))};
  // WallTime counts nanoseconds in 64 bits: 1678 to 2261.
  if (!date.ok() || *civil.year < 1970 || *civil.year > 2200 ||
      *civil.hour > 23 || *civil.minute > 59 || *civil.second > 60) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(*civil.hour) +
         std::chrono::minutes(*civil.minute) +
         std::chrono::seconds(*civil.second);
}

std::optional<int> MonthOf(std::string_view name) {
  constexpr std::array<std::string_view, 12> kNames = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun",
      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<int>(found - kNames.begin()) + 1;
}

}  // namespace

std::optional<WallTime> ParseHttpDate(std::string_view text) {
  if (text.size() != 29 || !text.ends_with(" GMT") || text[19] != ':' ||
      text[22] != ':') {
    return std::nullopt;
  }
  return ToTime({Number(text.substr(12, 4)), MonthOf(text.substr(8, 3)),
                 Number(text.substr(5, 2)), Number(text.substr(17, 2)),
                 Number(text.substr(20, 2)), Number(text.substr(23, 2))});
}

std::optional<WallTime> ParseIsoDate(std::string_view text) {
  if (text.size() < 20 || text.size() > 40 || text[4] != '-' ||
      text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
      text.back() != 'Z') {
    return std::nullopt;
  }
  return ToTime({Number(text.substr(0, 4)), Number(text.substr(5, 2)),
                 Number(text.substr(8, 2)), Number(text.substr(11, 2)),
                 Number(text.substr(14, 2)), Number(text.substr(17, 2))});
}

}  // namespace datashim::s3
