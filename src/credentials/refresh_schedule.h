// RefreshSchedule: when to fetch credentials anew and how long the ones there
// are may be used. Decides only: whoever fetches tells it what came of it.

#pragma once

#include <optional>

#include "base/clock.h"
#include "net/retry.h"

namespace datashim::credentials {

/// Thread-compatible. All times are of one monotonic clock, so that a wall
/// clock that is wrong or jumps changes nothing.
class RefreshSchedule {
 public:
  /// New ones are fetched when between 70 and 80 % of a life have passed: of an
  /// hour, 12 to 18 minutes remain for trying again. The spread keeps nodes
  /// that started together apart.
  static constexpr double kRefreshFrom = 0.70;
  static constexpr double kRefreshTo = 0.80;
  /// The last tenth of a life, at most this, is not used: requests take time.
  static constexpr Duration kUnusedMax = std::chrono::seconds(10);
  /// Between fetches, whatever a server says of lifetimes.
  static constexpr Duration kIntervalMin = std::chrono::seconds(1);
  /// Waits between failed fetches: doubling, of which half is random.
  static constexpr Duration kBackOffMin = std::chrono::milliseconds(200);
  static constexpr Duration kBackOffMax = std::chrono::seconds(30);
  /// A server that refuses what was fetched so lately is not helped by more.
  static constexpr Duration kRefusalAgeMin = std::chrono::seconds(10);

  /// The first fetch is due at once.
  RefreshSchedule(MonotonicTime now, net::RandomUnit random);

  /// New ones came. @param lifetime nullopt: they last.
  void OnFetched(MonotonicTime now, std::optional<Duration> lifetime);
  /// None came; those there are stay as they are.
  void OnFailed(MonotonicTime now);

  /// The server does not take them. @return true if they are given up and a
  /// fetch is due; false if they were fetched only just now.
  bool OnRefused(MonotonicTime now);
  /// What made fetches fail may be over: ends the back-off.
  void OnChange(MonotonicTime now);

  /// There are some, and they have not ended.
  bool usable(MonotonicTime now) const { return now < usable_until_; }
  /// MonotonicTime::max(): never by itself.
  MonotonicTime next_fetch_at() const { return next_fetch_at_; }
  /// Fetches that failed since the last that did not.
  int failures() const { return failures_; }

 private:
  const net::RandomUnit random_;
  MonotonicTime fetched_at_ = MonotonicTime::min();
  MonotonicTime usable_until_ = MonotonicTime::min();
  MonotonicTime next_fetch_at_;
  int failures_ = 0;
};

}  // namespace datashim::credentials
