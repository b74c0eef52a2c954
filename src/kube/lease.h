// The rules of leader election by a coordination.k8s.io/v1 Lease: those of
// client-go, and its form on the wire. Decides only; leader_elector.h reads and
// writes.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "kube/object.h"

namespace datashim::kube {

/// Which lease to stand for, as whom, and how fast.
struct LeaseOptions {
  ObjectKey lease{};
  std::string identity{};  ///< Unique to the candidate: name of its pod.
  /// client-go's defaults. REQUIRES: duration > renew_deadline > 1.2 * retry.
  Duration duration = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry_period = std::chrono::seconds(2);
};

/// The part of a Lease's spec that the election reads and writes.
struct LeaseRecord {
  std::string holder{};  ///< Empty: released.
  std::int64_t duration_seconds = 0;
  std::string acquire_time{};  ///< metav1.MicroTime
  std::string renew_time{};    ///< metav1.MicroTime
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
  /// `record`, which Plan returned, is stored. @param now the time before the
  /// write was sent: others count from when they see it, which is later.
  void OnWritten(const LeaseRecord& record, MonotonicTime now);

  /// We lead before this time: renew_deadline after our last write. In the
  /// past if we do not lead.
  MonotonicTime LeadsUntil() const;
  /// Who held it when last seen; empty: nobody.
  const std::string& holder() const { return observed_.holder; }
  /// What to write to hand over at once: no holder, one second.
  LeaseRecord Release(WallTime wall_now) const;

 private:
  const LeaseOptions options_;
  LeaseRecord observed_;
  MonotonicTime observed_at_{};  ///< When observed_ was seen to change.
  std::optional<MonotonicTime> renewed_at_;  ///< Our last write as holder.
};

}  // namespace datashim::kube
