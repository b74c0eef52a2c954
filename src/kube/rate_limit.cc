#include "kube/rate_limit.h"

#include <algorithm>

namespace datashim::kube {

std::optional<Duration> TokenBucket::Take(MonotonicTime now,
                                          Duration wait_max) {
  const std::chrono::duration<double> since = now - filled_at_;
  tokens_ = std::min(burst_, tokens_ + since.count() * per_second_);
  filled_at_ = now;
  Duration wait{};
  if (tokens_ < 1) {
    wait = std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>((1 - tokens_) / per_second_));
    if (wait >= wait_max) return std::nullopt;
  }
  tokens_ -= 1;
  return wait;
}

}  // namespace datashim::kube
