// Controller: runs a reconcile function over the keys of a WorkQueue with a
// few workers. What reconciling means belongs to the function.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "kube/object.h"
#include "kube/work_queue.h"

namespace datashim::kube {

/// What a reconcile that did not fail wants next.
class Outcome {
 public:
  static Outcome Done() { return Outcome(std::nullopt); }
  /// Call again after `delay`, even if nothing changes.
  static Outcome RequeueAfter(Duration delay) { return Outcome(delay); }

  std::optional<Duration> requeue_after() const { return requeue_after_; }

 private:
  explicit Outcome(std::optional<Duration> delay) : requeue_after_(delay) {}
  std::optional<Duration> requeue_after_;
};

/// How a Controller works.
struct ControllerOptions {
  std::string name{};  ///< In logs and thread names.
  std::size_t workers = 2;
  /// The deadline that one reconcile gets.
  Duration reconcile_timeout = std::chrono::seconds(30);
  WorkQueueOptions queue{};
};

/// Thread-safe. Life: construct, wire informers' handlers to queue(), Start,
/// Stop.
///
/// An error makes the key come back after its back-off, except
/// kInvalidArgument: more tries cannot help, so the key rests until it is
/// added again (the object changed). The function is never run for one key by
/// two workers at once.
class Controller {
 public:
  using Reconcile =
      std::function<Result<Outcome>(const ObjectKey& key, Deadline deadline)>;

  Controller(ControllerOptions options, Reconcile reconcile,
             Clock& clock = SystemClock());
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;
  /// Stop().
  ~Controller();

  WorkQueue& queue() { return queue_; }

  void Start();
  /// No new reconcile starts.
  void RequestStop();
  /// Waits for those that run, at most their deadline. Idempotent.
  void Stop();

  struct Metrics {
    std::uint64_t reconciles = 0;
    std::uint64_t errors = 0;
    std::uint64_t terminal_errors = 0;  ///< kInvalidArgument; part of errors.
    Duration busy{};                    ///< Summed over the workers.
    WorkQueue::Metrics queue;
  };
  Metrics metrics() const;

 private:
  void Work();
  void ReconcileOnce(const ObjectKey& key);

  const ControllerOptions options_;
  const Reconcile reconcile_;
  Clock& clock_;
  WorkQueue queue_;
  mutable std::mutex mutex_;
  Metrics metrics_;  // Guarded by mutex_.
  std::unique_ptr<ThreadPool> workers_;
};

}  // namespace datashim::kube
