// WorkQueue: the keys that wait to be reconciled. A key is never worked on by
// two workers at once and never lost; semantics are those of client-go's
// rate-limiting queue. Runs no worker (controller.h).

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kube/object.h"

namespace datashim::kube {

/// How long keys that fail wait.
struct WorkQueueOptions {
  /// A key's delay after its n-th failure in a row: min * 2^(n-1), at most
  /// max. client-go's defaults.
  Duration backoff_min = std::chrono::milliseconds(5);
  Duration backoff_max = std::chrono::seconds(1000);
};

/// The queue without locks or waiting: every call says what time it is.
/// Thread-compatible.
///
/// Invariants: a key is in order_ iff it is dirty and not in processing; a key
/// added while in processing is handed out again after its Done.
class WorkQueueCore {
 public:
  explicit WorkQueueCore(WorkQueueOptions options) : options_(options) {}

  /// @return true if a key can be popped now that could not before.
  bool Add(const ObjectKey& key);
  /// Adds it later; of several delays that run, the one that ends first counts.
  void AddAfter(const ObjectKey& key, Duration delay, MonotonicTime now);
  /// Counts a failure and adds the key after its back-off.
  void AddRateLimited(const ObjectKey& key, MonotonicTime now);
  /// Forgets the failures of the key.
  void Forget(const ObjectKey& key);
  int Failures(const ObjectKey& key) const;

  /// The next key, which is in processing from now on.
  std::optional<ObjectKey> Pop(MonotonicTime now);
  /// Every popped key must come back here.
  /// @return true if it can be popped again at once.
  bool Done(const ObjectKey& key);

  /// When the first delayed key is due.
  std::optional<MonotonicTime> NextDue() const;
  std::size_t depth() const { return order_.size(); }
  std::size_t delayed() const { return due_by_key_.size(); }
  std::size_t processing() const { return processing_.size(); }

 private:
  void Promote(MonotonicTime now);

  const WorkQueueOptions options_;
  std::deque<ObjectKey> order_;
  std::set<ObjectKey> dirty_;
  std::set<ObjectKey> processing_;
  std::map<ObjectKey, MonotonicTime> due_by_key_;
  std::set<std::pair<MonotonicTime, ObjectKey>> delayed_;
  std::map<ObjectKey, int> failures_;
};

/// Thread-safe.
class WorkQueue {
 public:
  explicit WorkQueue(WorkQueueOptions options = {},
                     Clock& clock = SystemClock());

  void Add(const ObjectKey& key);
  void AddAfter(const ObjectKey& key, Duration delay);
  /// After a failure: waits longer each time, until Forget.
  void AddRateLimited(const ObjectKey& key);
  void Forget(const ObjectKey& key);
  int Failures(const ObjectKey& key) const;

  /// Waits for a key. The caller owes a Done for it.
  /// @return nullopt once ShutDown was called or `stop` is requested.
  std::optional<ObjectKey> Get(std::stop_token stop = {});
  void Done(const ObjectKey& key);

  /// Ends every Get now and later; what is queued is dropped. Idempotent.
  void ShutDown();

  struct Metrics {
    std::uint64_t adds = 0;     ///< Calls that put a key into the queue.
    std::uint64_t retries = 0;  ///< AddRateLimited.
    std::size_t depth = 0;
    std::size_t delayed = 0;
    std::size_t processing = 0;
    std::size_t idle = 0;  ///< Calls of Get that wait.
  };
  Metrics metrics() const;

 private:
  /// REQUIRES: mutex_ is held.
  void WakeOne();

  Clock& clock_;
  mutable std::mutex mutex_;
  WorkQueueCore core_;                     // Guarded by mutex_.
  std::vector<std::stop_source> waiters_;  // Guarded by mutex_. One per Get.
  std::uint64_t adds_ = 0;                 // Guarded by mutex_.
  std::uint64_t retries_ = 0;              // Guarded by mutex_.
  bool shut_down_ = false;                 // Guarded by mutex_.
};

}  // namespace datashim::kube
