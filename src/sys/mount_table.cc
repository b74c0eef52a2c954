#include "sys/mount_table.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/strings.h"
#include "sys/small_file.h"

namespace datashim::sys {
namespace {

constexpr std::size_t kTableBytesMax = std::size_t{64} << 20;

// proc(5): space, tab, newline and backslash are written as \ooo.
std::string UndoEscapes(std::string_view text) {
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] <= '3' &&
        std::all_of(&text[i + 1], &text[i + 1] + 3, is_octal)) {
      plain.push_back(static_cast<char>((text[i + 1] - '0') * 64 +
                                        (text[i + 2] - '0') * 8 +
                                        (text[i + 3] - '0')));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

// "36 35 98:0 /root /mount rw,noatime master:1 - ext3 /dev/root rw"; between
// the sixth field and "-" there are zero or more optional ones.
std::optional<MountEntry> ParseLine(std::string_view line) {
  const std::vector<std::string_view> fields = Split(line, ' ');
  if (fields.size() < 10) return std::nullopt;
  const auto dash = std::find(fields.begin() + 6, fields.end(), "-");
  if (fields.end() - dash < 4) return std::nullopt;
  const std::vector<std::string_view> device = Split(fields[2], ':');
  if (device.size() != 2) return std::nullopt;

  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  const auto id = ParseInt(fields[0], 0, kMax);
  const auto major = ParseInt(device[0], 0, kMax);
  const auto minor = ParseInt(device[1], 0, kMax);
  if (!id || !major || !minor) return std::nullopt;

  MountEntry entry;
  entry.mount_id = static_cast<std::uint64_t>(*id);
  entry.device_major = static_cast<unsigned>(*major);
  entry.device_minor = static_cast<unsigned>(*minor);
  entry.mount_point = UndoEscapes(fields[4]);
  const std::vector<std::string_view> options = Split(fields[5], ',');
  entry.read_only =
      std::find(options.begin(), options.end(), "ro") != options.end();
  entry.type = UndoEscapes(dash[1]);
  entry.source = UndoEscapes(dash[2]);
  return entry;
}

}  // namespace

Result<std::vector<MountEntry>> ParseMountTable(std::string_view text) {
  std::vector<MountEntry> entries;
  int number = 0;
  for (const std::string_view line : Split(text, '\n')) {
    ++number;
    if (line.empty()) continue;
    std::optional<MountEntry> entry = ParseLine(line);
    if (!entry) {
      return Error{ErrorCode::kInvalidArgument, "mount table: line " +
                                                    std::to_string(number) +
                                                    " is not as proc(5) says"};
    }
    entries.push_back(*std::move(entry));
  }
  return entries;
}

Result<std::vector<MountEntry>> ReadMountTable() {
  DS_ASSIGN_OR_RETURN(const std::string text,
                      ReadFile("/proc/self/mountinfo", kTableBytesMax));
  return ParseMountTable(text);
}

}  // namespace datashim::sys
