// UniqueFd: the owner of one file descriptor. Knows nothing of what it is open
// on.

#pragma once

#include <utility>

#include "base/result.h"

namespace datashim::sys {

/// Move-only; closes its descriptor when it ends. Thread-compatible.
class UniqueFd {
 public:
  UniqueFd() = default;
  /// Takes ownership of `fd`; -1 is none.
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  /// Gives the descriptor away; the caller closes it.
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1);

  /// A second descriptor (close-on-exec) of the same open file.
  Result<UniqueFd> Duplicate() const;

 private:
  int fd_ = -1;
};

}  // namespace datashim::sys
