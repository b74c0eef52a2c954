#include "credentials/refresh_schedule.h"

#include <algorithm>
#include <utility>

namespace datashim::credentials {
namespace {

/// Longer lives are as good as this; keeps sums within range.
constexpr Duration kLifetimeMax = std::chrono::hours(24 * 365);

Duration Part(Duration whole, double share) {
  return std::chrono::duration_cast<Duration>(whole * share);
}

}  // namespace

RefreshSchedule::RefreshSchedule(MonotonicTime now, net::RandomUnit random)
    : random_(std::move(random)), next_fetch_at_(now) {}

void RefreshSchedule::OnFetched(MonotonicTime now,
                                std::optional<Duration> lifetime) {
  failures_ = 0;
  fetched_at_ = now;
  if (!lifetime) {
    usable_until_ = next_fetch_at_ = MonotonicTime::max();
    return;
  }
  const Duration life = std::clamp(*lifetime, Duration(0), kLifetimeMax);
  usable_until_ = now + life - std::min(life / 10, kUnusedMax);
  const double share = kRefreshFrom + (kRefreshTo - kRefreshFrom) * random_();
  next_fetch_at_ = now + std::max(Part(life, share), kIntervalMin);
}

void RefreshSchedule::OnFailed(MonotonicTime now) {
  ++failures_;
  Duration delay = kBackOffMin;
  for (int n = 1; n < failures_ && delay < kBackOffMax; ++n) delay *= 2;
  delay = std::min(delay, kBackOffMax);
  next_fetch_at_ = now + Part(delay, 0.5 + 0.5 * random_());
}

bool RefreshSchedule::OnRefused(MonotonicTime now) {
  if (!usable(now) || now - fetched_at_ < kRefusalAgeMin) return false;
  usable_until_ = now;
  next_fetch_at_ = std::min(next_fetch_at_, now);
  return true;
}

void RefreshSchedule::OnChange(MonotonicTime now) {
  if (failures_ > 0) next_fetch_at_ = std::min(next_fetch_at_, now);
}

}  // namespace datashim::credentials
