#include "dataset/volume_options.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/strings.h"
#include "dataset/spell.h"

namespace datashim::dataset {
namespace {

constexpr std::int64_t kIdMax = 4294967294;
constexpr std::size_t kDigitsMax = 18;  // Fits an int64, as Kubernetes asks.
constexpr std::array<std::string_view, 13> kSizeSuffixes = {
    "", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
constexpr std::array<std::string_view, 4> kAccessModes = {
    "ReadWriteMany", "ReadOnlyMany", "ReadWriteOnce", "ReadWriteOncePod"};

Error Invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

std::string Quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

template <typename Words>
bool IsOneOf(std::string_view word, const Words& words) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool IsWord(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

Status CheckSize(std::string_view size) {
  const std::size_t digits =
      std::min(size.find_first_not_of("0123456789"), size.size());
  const bool is_something =
      size.substr(0, digits).find_first_not_of('0') != std::string_view::npos;
  if (digits > kDigitsMax || !is_something ||
      !IsOneOf(size.substr(digits), kSizeSuffixes)) {
    return Invalid(Quoted(size) + " is no size such as 10Gi");
  }
  return OkStatus();
}

Status CheckAccessMode(std::string_view mode) {
  if (IsOneOf(mode, kAccessModes)) return OkStatus();
  const std::string_view nearest = NearestWord(mode, kAccessModes);
  return Invalid(
      Quoted(mode) +
      (nearest.empty()
           ? " is none of ReadWriteMany, ReadOnlyMany, ReadWriteOnce and "
             "ReadWriteOncePod"
           : " is unknown; did you mean " + std::string(nearest) + "?"));
}

Result<std::uint32_t> ParseId(std::string_view text) {
  const auto id = ParseInt(text, 0, kIdMax);
  if (!id) {
    return Invalid(Quoted(text) + " is no number from 0 to " +
                   std::to_string(kIdMax));
  }
  return static_cast<std::uint32_t>(*id);
}

Result<std::uint32_t> ParseMode(std::string_view text) {
  std::string_view digits = text;
  if (digits.size() == 4 && digits.front() == '0') digits.remove_prefix(1);
  if (digits.size() != 3 ||
      digits.find_first_not_of("01234567") != std::string_view::npos) {
    return Invalid(Quoted(text) + " is no mode such as 0640");
  }
  std::uint32_t mode = 0;
  for (const char digit : digits) {
    mode = mode * 8 + static_cast<std::uint32_t>(digit - '0');
  }
  return mode;
}

Result<std::chrono::seconds> ParseTtl(std::string_view text) {
  std::string_view number = text;
  std::int64_t unit = 1;
  if (number.ends_with('h')) unit = 3600;
  if (number.ends_with('m')) unit = 60;
  if (number.find_last_of("smh") == number.size() - 1) number.remove_suffix(1);
  const auto count = ParseInt(number, 0, kMetadataTtlMax.count() / unit);
  if (text.empty() || !count) {
    return Invalid(Quoted(text) +
                   " is no time such as 30s, 5m or 1h, of at most 24h");
  }
  return std::chrono::seconds(*count * unit);
}

Result<std::vector<std::string>> ParseMountOptions(
    std::string_view text, std::span<const std::string_view> known) {
  std::vector<std::string> options;
  if (TrimSpace(text).empty()) return options;
  for (const std::string_view part : Split(text, ',')) {
    const std::string_view option = TrimSpace(part);
    const std::string_view name = option.substr(0, option.find('='));
    if (known.empty() ? !IsWord(name) : !IsOneOf(name, known)) {
      const std::string_view nearest = NearestWord(name, known);
      return Invalid("the option " + Quoted(name) + " is not supported" +
                     (nearest.empty()
                          ? std::string()
                          : "; did you mean " + std::string(nearest) + "?"));
    }
    if (option.find_first_of(" \t\n\\\"'") != std::string_view::npos) {
      return Invalid("the option " + Quoted(name) + " has a wrong value");
    }
    options.emplace_back(option);
  }
  return options;
}

}  // namespace datashim::dataset
