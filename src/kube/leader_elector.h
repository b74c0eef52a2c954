// LeaderElector: stands for election by a Lease on its own thread. One leader
// at a time as long as clocks run at the same rate; what a paused leader still
// writes is fenced by the API server's resourceVersion guards, not here.

#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "kube/client.h"
#include "kube/lease.h"
#include "kube/object.h"

namespace datashim::kube {

/// Thread-safe.
class LeaderElector {
 public:
  struct Callbacks {
    /// We lead from now on. Runs on the elector's thread: it must return soon.
    std::function<void()> on_started;
    /// We no longer lead (lost, or stopped). What on_started began must have
    /// ended when this returns; the lease is released after it.
    std::function<void()> on_stopped;
    /// Another identity was seen to lead. May be null.
    std::function<void(const std::string& identity)> on_new_leader;
  };

  /// `client` and `clock` outlive the elector. Give it a client of its own, so
  /// that no controller's calls delay the renewal.
  LeaderElector(Client& client, LeaseOptions options, Callbacks callbacks,
                Clock& clock = SystemClock());
  LeaderElector(const LeaderElector&) = delete;
  LeaderElector& operator=(const LeaderElector&) = delete;
  /// Stop().
  ~LeaderElector();

  /// After a lost lease it stands again, until Stop.
  void Start();
  void RequestStop();
  /// Gives the lease up if we hold it. Bounded by renew_deadline and
  /// on_stopped. Idempotent.
  void Stop();

  /// Also false when the lease could not be renewed in time and the elector's
  /// thread has not come round to say so.
  bool is_leader() const;

 private:
  void Run();
  /// One round: read, decide, write. @return what failed, for the log.
  Status TryAcquireOrRenew(Deadline deadline);
  void Release();
  /// Compares with what callbacks were told last, and tells what is new.
  void Tell();

  Client& client_;
  const LeaseOptions options_;
  const Callbacks callbacks_;
  Clock& clock_;

  // The elector's thread only.
  LeaseElection election_;
  std::shared_ptr<Json> lease_;  ///< As read or written last; null: none.
  bool told_leading_ = false;
  std::string told_holder_;

  mutable std::mutex mutex_;
  MonotonicTime leads_until_ = MonotonicTime::min();  // Guarded by mutex_.
  std::stop_source stop_;
  std::unique_ptr<ThreadPool> thread_;
};

}  // namespace datashim::kube
