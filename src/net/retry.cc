#include "net/retry.h"

#include <algorithm>
#include <random>
#include <utility>

namespace datashim::net {

RandomUnit SystemRandom() {
  return [] {
    thread_local std::mt19937_64 generator{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(generator);
  };
}

bool RetryBudget::TryTake() {
  std::lock_guard lock(mutex_);
  if (tokens_ < retry_cost_) return false;
  tokens_ -= retry_cost_;
  return true;
}

void RetryBudget::OnSuccess() {
  std::lock_guard lock(mutex_);
  tokens_ = std::min(tokens_ + 1, tokens_max_);
}

RetrySchedule::RetrySchedule(RetryPolicy policy, RetryBudget& budget,
                             Deadline deadline, const Clock& clock,
                             RandomUnit random)
    : policy_(policy),
      budget_(budget),
      deadline_(deadline),
      clock_(clock),
      random_(std::move(random)) {}

std::optional<Duration> RetrySchedule::Next(
    std::optional<Duration> retry_after) {
  if (attempts_ >= policy_.attempts_max) return std::nullopt;
  Duration ceiling = policy_.delay_base;
  for (int i = 1; i < attempts_ && ceiling < policy_.delay_max; ++i) {
    ceiling *= 2;
  }
  ceiling = std::min(ceiling, policy_.delay_max);
  const auto jittered = static_cast<Duration::rep>(
      random_() * static_cast<double>(ceiling.count()));
  const Duration delay =
      std::max(Duration(jittered), retry_after.value_or(Duration::zero()));
  if (delay >= deadline_.Remaining(clock_)) return std::nullopt;
  if (!budget_.TryTake()) return std::nullopt;
  ++attempts_;
  return delay;
}

}  // namespace datashim::net
