// FetchWindow: how much to fetch ahead so that the network is never idle, and
// not much more. Measures nothing itself: it is told of every fetch.

#pragma once

#include <cstdint>

#include "base/clock.h"

namespace datashim::fs {

/// Bounds of the answer.
struct FetchWindowOptions {
  std::uint64_t part_bytes = std::uint64_t{8} << 20;
  std::uint64_t bytes_min = std::uint64_t{32} << 20;
  std::uint64_t bytes_max = std::uint64_t{128} << 20;
};

/// Doubles while that brings 1.4 times the bytes a second, and goes back once
/// when it does not: a store that is near is busy with a few parts, one that is
/// far needs many. More would only be memory that is touched for nothing, which
/// costs 1 to 2 s/GB on a virtual machine. It tries again when nothing was
/// under way for a moment (another reader begins), and after ten seconds.
///
/// Thread-compatible.
class FetchWindow {
 public:
  explicit FetchWindow(const FetchWindowOptions& options);

  void OnFetched(std::uint64_t bytes, MonotonicTime begin, MonotonicTime end);

  /// Whole parts.
  std::uint64_t bytes() const { return bytes_; }

 private:
  void Decide(double bytes_per_second);

  const FetchWindowOptions options_;
  std::uint64_t bytes_;
  bool growing_ = true;
  bool starting_ = true;    // The first interval: the window is being filled.
  double rate_before_ = 0;  // Bytes a second with half of the window.
  std::uint64_t interval_bytes_ = 0;
  MonotonicTime interval_begin_;
  MonotonicTime last_end_;
  MonotonicTime settled_at_;
};

}  // namespace datashim::fs
