// Leader election by a coordination.k8s.io/v1 Lease, with client-go's rules
// and on-the-wire form, so that both can stand for one lease. Elects one
// leader at a time as long as clocks run at the same rate; fencing of what a
// paused leader still writes is up to the API server's resourceVersion guards.

#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "kube/client.h"
#include "kube/object.h"

namespace datashim::kube {

struct LeaseOptions {
  ObjectKey lease;
  std::string identity;  ///< Unique to the candidate: name of its pod.
  /// client-go's defaults. REQUIRES: duration > renew_deadline > 1.2 * retry.
  Duration duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);
};

/// The part of a Lease's spec that the election reads and writes.
struct LeaseRecord {
  std::string holder;  ///< Empty: released.
  std::int64_t duration_seconds = 0;
  std::string acquire_time;  ///< metav1.MicroTime
  std::string renew_time;    ///< metav1.MicroTime
  std::int64_t transitions = 0;

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

LeaseRecord ParseLease(const Json& lease);
/// Sets the record's fields in lease.spec and keeps what else is there.
void WriteLease(Json& lease, const LeaseRecord& record);

/// Decides; does no I/O. Thread-compatible.
///
/// Whether another's lease has run out is judged by how long *we* have seen it
/// unchanged, never by the times written in it: clocks of nodes differ.
class LeaseElection {
 public:
  explicit LeaseElection(LeaseOptions options) : options_(options) {}

  /// @param observed the Lease as just read; nullopt: there is none.
  /// @return the record to write (create if there is none, else update guarded
  ///     by the resourceVersion read); nullopt while another holds it.
  std::optional<LeaseRecord> Plan(const std::optional<LeaseRecord>& observed,
                                  MonotonicTime now, WallTime wall_now);
  /// `record`, which Plan returned at `now`, is stored.
  void OnWritten(const LeaseRecord& record, MonotonicTime now);

  /// True until renew_deadline after the last write, or OnReleased.
  bool IsLeader(MonotonicTime now) const;
  /// Who held it when last seen; empty: nobody.
  const std::string& holder() const { return observed_.holder; }
  /// What to write to hand over at once: no holder, one second.
  LeaseRecord Release(WallTime wall_now) const;
  void OnReleased();

 private:
  const LeaseOptions options_;
  LeaseRecord observed_;
  MonotonicTime observed_at_{};  ///< When observed_ was seen to change.
  std::optional<MonotonicTime> renewed_at_;  ///< Our last write as holder.
};

/// Stands for election on its own thread. Thread-safe.
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

  /// `client` and `clock` outlive the elector.
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

  bool is_leader() const;

 private:
  void Run();
  Status TryAcquireOrRenew(Deadline deadline);
  void Release();
  void SetLeading(bool leading);
  void ReportHolder();

  Client& client_;
  const LeaseOptions options_;
  const Callbacks callbacks_;
  Clock& clock_;
  LeaseElection election_;       // The elector's thread only.
  std::string reported_holder_;  // The elector's thread only.
  mutable std::mutex mutex_;
  bool leading_ = false;  // Guarded by mutex_.
  std::stop_source stop_;
  std::unique_ptr<ThreadPool> thread_;
};

}  // namespace datashim::kube
