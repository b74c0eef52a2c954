#include "kube/work_queue.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"

namespace datashim::kube {
namespace {

/// A Get that has nothing to wait for wakes up this often, for nothing.
constexpr Duration kIdleWait = std::chrono::hours(1);

}  // namespace

bool WorkQueueCore::Add(const ObjectKey& key) {
  if (!dirty_.insert(key).second) return false;
  if (processing_.contains(key)) return false;  // Done queues it again.
  order_.push_back(key);
  return true;
}

void WorkQueueCore::AddAfter(const ObjectKey& key, Duration delay,
                             MonotonicTime now) {
  Promote(now);  // A delay that has ended must not swallow this one.
  const MonotonicTime due = now + delay;
  const auto [it, is_new] = due_by_key_.emplace(key, due);
  if (!is_new) {
    if (it->second <= due) return;
    delayed_.erase({it->second, key});
    it->second = due;
  }
  delayed_.emplace(due, key);
}

void WorkQueueCore::AddRateLimited(const ObjectKey& key, MonotonicTime now) {
  int& failures = failures_[key];
  Duration delay = options_.backoff_min;
  for (int i = 0; i < failures && delay < options_.backoff_max; ++i) {
    delay *= 2;
  }
  ++failures;
  AddAfter(key, std::min(delay, options_.backoff_max), now);
}

void WorkQueueCore::Forget(const ObjectKey& key) { failures_.erase(key); }

int WorkQueueCore::Failures(const ObjectKey& key) const {
  const auto it = failures_.find(key);
  return it == failures_.end() ? 0 : it->second;
}

void WorkQueueCore::Promote(MonotonicTime now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    const ObjectKey key = delayed_.begin()->second;
    delayed_.erase(delayed_.begin());
    due_by_key_.erase(key);
    Add(key);
  }
}

std::optional<ObjectKey> WorkQueueCore::Pop(MonotonicTime now) {
  Promote(now);
  if (order_.empty()) return std::nullopt;
  ObjectKey key = std::move(order_.front());
  order_.pop_front();
  dirty_.erase(key);
  processing_.insert(key);
  return key;
}

bool WorkQueueCore::Done(const ObjectKey& key) {
  DS_CHECK(processing_.erase(key) == 1);
  if (!dirty_.contains(key)) return false;
  order_.push_back(key);
  return true;
}

std::optional<MonotonicTime> WorkQueueCore::NextDue() const {
  if (delayed_.empty()) return std::nullopt;
  return delayed_.begin()->first;
}

WorkQueue::WorkQueue(WorkQueueOptions options, Clock& clock)
    : clock_(clock), core_(options) {}

void WorkQueue::Add(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  ++adds_;
  if (core_.Add(key)) WakeOne();
}

void WorkQueue::AddAfter(const ObjectKey& key, Duration delay) {
  if (delay <= Duration::zero()) return Add(key);
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  ++adds_;
  core_.AddAfter(key, delay, clock_.Now());
  WakeOne();  // It sleeps again, until the key is due.
}

void WorkQueue::AddRateLimited(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  if (shut_down_) return;
  ++retries_;
  core_.AddRateLimited(key, clock_.Now());
  WakeOne();
}

void WorkQueue::Forget(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  core_.Forget(key);
}

int WorkQueue::Failures(const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  return core_.Failures(key);
}

std::optional<ObjectKey> WorkQueue::Get(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::stop_source wake;
    Duration wait = kIdleWait;
    {
      const std::lock_guard lock(mutex_);
      if (shut_down_) return std::nullopt;
      const MonotonicTime now = clock_.Now();
      if (auto key = core_.Pop(now)) {
        // This thread now has other things to do than to sleep until the next
        // key is due: somebody else must.
        if (core_.depth() > 0 || core_.delayed() > 0) WakeOne();
        return key;
      }
      if (const auto due = core_.NextDue()) wait = *due - now;
      waiters_.push_back(wake);
    }
    {
      const std::stop_callback forward(stop, [&] { wake.request_stop(); });
      clock_.SleepFor(wait, wake.get_token());
    }
    const std::lock_guard lock(mutex_);
    std::erase(waiters_, wake);
  }
  return std::nullopt;
}

void WorkQueue::Done(const ObjectKey& key) {
  const std::lock_guard lock(mutex_);
  if (core_.Done(key)) WakeOne();
}

void WorkQueue::ShutDown() {
  const std::lock_guard lock(mutex_);
  shut_down_ = true;
  for (std::stop_source& waiter : waiters_) waiter.request_stop();
}

WorkQueue::Metrics WorkQueue::metrics() const {
  const std::lock_guard lock(mutex_);
  return {.adds = adds_,
          .retries = retries_,
          .depth = core_.depth(),
          .delayed = core_.delayed(),
          .processing = core_.processing(),
          .idle = waiters_.size()};
}

void WorkQueue::WakeOne() {
  if (waiters_.empty()) return;
  waiters_.back().request_stop();
  waiters_.pop_back();
}

}  // namespace datashim::kube
