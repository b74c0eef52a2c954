// ActiveFiles: how many files are read at the same time, by whose the last
// reads were.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace datashim::fs {

/// Thread-compatible.
class ActiveFiles {
 public:
  static constexpr std::size_t kReadsRemembered = 32;

  /// `file` is only compared. @return how many files the last reads were of,
  ///     this one included.
  std::size_t OnRead(const void* file) {
    last_.at(reads_ % last_.size()) = file;
    ++reads_;
    auto files = last_;
    const auto end = files.begin() + static_cast<std::ptrdiff_t>(
                                         std::min(reads_, files.size()));
    std::sort(files.begin(), end);
    return static_cast<std::size_t>(std::unique(files.begin(), end) -
                                    files.begin());
  }

 private:
  std::array<const void*, kReadsRemembered> last_{};
  std::size_t reads_ = 0;
};

}  // namespace datashim::fs
