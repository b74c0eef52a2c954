#include "kube/lease.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace datashim::kube {
namespace {

/// What another candidate may claim; a lease for ever would need a person.
constexpr std::int64_t kDurationSecondsMax = 3600;

std::int64_t IntAt(const Json& object,
                   std::initializer_list<std::string_view> path) {
  const Json* value = Field(object, path);
  if (value == nullptr || !value->is_number_integer()) return 0;
  return value->get<std::int64_t>();
}

}  // namespace

LeaseRecord ParseLease(const Json& lease) {
  return {.holder = StringAt(lease, {"spec", "holderIdentity"}),
          .duration_seconds = std::clamp<std::int64_t>(
              IntAt(lease, {"spec", "leaseDurationSeconds"}), 0,
              kDurationSecondsMax),
          .acquire_time = StringAt(lease, {"spec", "acquireTime"}),
          .renew_time = StringAt(lease, {"spec", "renewTime"}),
          .transitions = IntAt(lease, {"spec", "leaseTransitions"})};
}

void WriteLease(Json& lease, const LeaseRecord& record) {
  Json& spec = lease["spec"];
  spec["holderIdentity"] = record.holder;
  spec["leaseDurationSeconds"] = record.duration_seconds;
  spec["acquireTime"] = record.acquire_time;
  spec["renewTime"] = record.renew_time;
  spec["leaseTransitions"] = record.transitions;
}

std::optional<LeaseRecord> LeaseElection::Plan(
    const std::optional<LeaseRecord>& observed, MonotonicTime now,
    WallTime wall_now) {
  const std::string time = FormatMicroTime(wall_now);
  LeaseRecord mine = {
      .holder = options_.identity,
      .duration_seconds =
          std::chrono::duration_cast<std::chrono::seconds>(options_.duration)
              .count(),
      .acquire_time = time,
      .renew_time = time};
  if (!observed) return mine;

  if (*observed != observed_) {
    observed_ = *observed;
    observed_at_ = now;
  }
  mine.transitions = observed->transitions;
  if (observed->holder == options_.identity) {
    mine.acquire_time = observed->acquire_time;
    return mine;
  }
  renewed_at_.reset();  // Whatever we thought: another name is written there.
  const bool is_held =
      !observed->holder.empty() &&
      now < observed_at_ + std::chrono::seconds(observed->duration_seconds);
  if (is_held) return std::nullopt;
  ++mine.transitions;
  return mine;
}

void LeaseElection::OnWritten(const LeaseRecord& record, MonotonicTime now) {
  observed_ = record;
  observed_at_ = now;
  renewed_at_ = now;
}

MonotonicTime LeaseElection::LeadsUntil() const {
  return renewed_at_ ? *renewed_at_ + options_.renew_deadline
                     : MonotonicTime::min();
}

LeaseRecord LeaseElection::Release(WallTime wall_now) const {
  const std::string time = FormatMicroTime(wall_now);
  return {.holder = "",
          .duration_seconds = 1,
          .acquire_time = time,
          .renew_time = time,
          .transitions = observed_.transitions};
}

}  // namespace datashim::kube
