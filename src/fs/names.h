// Which keys of a bucket can be paths. Pure.

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fs/file_system.h"

namespace datashim::fs {

/// NAME_MAX of Linux.
inline constexpr std::size_t kNameBytesMax = 255;
/// S3: a key has at most 1,024 bytes.
inline constexpr std::size_t kKeyBytesMax = 1024;

/// Why `name` cannot be a file name, or nullptr when it can.
const char* WhyHidden(std::string_view name);

/// Checks the name of a new or looked-up file. @return kNameTooLong, kInvalid.
std::optional<FsFailure> CheckName(std::string_view name);

/// Counts the keys that listings had to leave out; the first one is logged, so
/// that a user who misses a file finds the reason. Thread-safe.
class HiddenKeys {
 public:
  void Add(const std::string& key, const char* why);
  std::uint64_t count() const { return count_; }

 private:
  std::atomic<std::uint64_t> count_ = 0;
};

}  // namespace datashim::fs
