#include "operator/volume_report.h"

#include <utility>

namespace datashim::controllers {

bool VolumeReports::Set(const std::string& claim_uid, VolumeReport report) {
  const std::lock_guard lock(mutex_);
  const auto [it, added] = reports_.try_emplace(claim_uid, report);
  if (added) return true;
  if (it->second == report) return false;
  it->second = std::move(report);
  return true;
}

std::optional<VolumeReport> VolumeReports::Get(
    const std::string& claim_uid) const {
  const std::lock_guard lock(mutex_);
  const auto it = reports_.find(claim_uid);
  if (it == reports_.end()) return std::nullopt;
  return it->second;
}

void VolumeReports::Erase(const std::string& claim_uid) {
  const std::lock_guard lock(mutex_);
  reports_.erase(claim_uid);
}

}  // namespace datashim::controllers
