// TokenBucket: how long a call waits for its turn under a rate limit.

#pragma once

#include <optional>

#include "base/clock.h"

namespace datashim::kube {

/// `burst` calls at once, then `per_second`. Waits are handed out in the order
/// of calls. Thread-compatible.
class TokenBucket {
 public:
  /// Starts full.
  TokenBucket(double per_second, double burst, MonotonicTime now)
      : per_second_(per_second),
        burst_(burst),
        tokens_(burst),
        filled_at_(now) {}

  /// Takes a token.
  /// @return what to wait before using it; nullopt, and no token is taken, if
  ///     that is as long as `wait_max` or longer.
  std::optional<Duration> Take(MonotonicTime now, Duration wait_max);

 private:
  const double per_second_;
  const double burst_;
  double tokens_;  ///< Negative: what the calls that wait have borrowed.
  MonotonicTime filled_at_;
};

}  // namespace datashim::kube
