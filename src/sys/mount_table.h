// The mount table of the process (/proc/self/mountinfo, proc(5)) as values.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace datashim::sys {

/// One line of mountinfo.
struct MountEntry {
  std::uint64_t mount_id = 0;
  unsigned device_major = 0;
  unsigned device_minor = 0;
  std::string mount_point;  ///< Octal escapes are undone.
  bool read_only = false;   ///< Of this mount, not of its file system.
  std::string type;         ///< With its subtype, such as "fuse.datashim".
  std::string source;

  friend bool operator==(const MountEntry&, const MountEntry&) = default;
};

/// Pure. kInvalidArgument, naming the line number, for what proc(5) does not
/// allow.
Result<std::vector<MountEntry>> ParseMountTable(std::string_view text);

/// The table now; at most 64 MiB of text.
Result<std::vector<MountEntry>> ReadMountTable();

}  // namespace datashim::sys
