// When to try again: full-jitter exponential back-off with a cap on attempts,
// a deadline and a budget shared by all calls of a client. Decides only; the
// caller sleeps and knows which failures may be tried again.

#pragma once

#include <functional>
#include <mutex>
#include <optional>

#include "base/clock.h"

namespace datashim::net {

/// Uniform in [0, 1). Called from any thread.
using RandomUnit = std::function<double()>;

/// A generator per thread, seeded by the kernel.
RandomUnit SystemRandom();
/// How often and how long an operation is tried.
struct RetryPolicy {
  int attempts_max = 5;  ///< Of one call, the first included.
  /// The k-th retry waits uniformly in [0, min(max, base * 2^(k-1))]: "full
  /// jitter" of AWS's "Exponential Backoff And Jitter".
  Duration delay_base = std::chrono::milliseconds(50);
  Duration delay_max = std::chrono::seconds(5);
};

/// Tokens that retries cost and successes give back, so that a server that
/// fails everything gets little more than the first attempts. Thread-safe.
class RetryBudget {
 public:
  /// Numbers of the AWS SDKs' standard mode: 500 tokens, 5 per retry, 1 back
  /// per success, which is 100 retries at once and then one in five.
  explicit RetryBudget(int tokens_max = 500, int retry_cost = 5)
      : tokens_max_(tokens_max), retry_cost_(retry_cost), tokens_(tokens_max) {}

  /// @return false when there are too few: do not retry.
  bool TryTake();
  void OnSuccess();

 private:
  const int tokens_max_;
  const int retry_cost_;
  std::mutex mutex_;
  int tokens_;  // Guarded by mutex_.
};

/// The retries of one call. Thread-compatible.
class RetrySchedule {
 public:
  /// Holds `budget` and `clock` by reference.
  RetrySchedule(RetryPolicy policy, RetryBudget& budget, Deadline deadline,
                const Clock& clock, RandomUnit random);

  /// What to wait after a failed attempt before the next, at least
  /// `retry_after` when the server named a time. nullopt: give up, because the
  /// attempts or the budget are used up or the wait would pass the deadline.
  std::optional<Duration> Next(std::optional<Duration> retry_after = {});

  /// Attempts made so far.
  int attempts() const { return attempts_; }

 private:
  const RetryPolicy policy_;
  RetryBudget& budget_;
  const Deadline deadline_;
  const Clock& clock_;
  const RandomUnit random_;
  int attempts_ = 1;
};

}  // namespace datashim::net
