#include "csi/volume_locks.h"

#include <utility>

namespace datashim::csi {
namespace {

Error Pending(const std::string& volume_id) {
  return {ErrorCode::kAborted, "an operation on volume \"" + volume_id +
                                   "\" is under way already; try again"};
}

}  // namespace

VolumeLocks::Guard::Guard(Guard&& other) noexcept
    : locks_(std::exchange(other.locks_, nullptr)),
      volume_id_(std::move(other.volume_id_)),
      target_(std::move(other.target_)) {}

VolumeLocks::Guard::~Guard() {
  if (locks_ != nullptr) locks_->Unlock(volume_id_, target_);
}

Result<VolumeLocks::Guard> VolumeLocks::LockVolume(
    const std::string& volume_id) {
  const std::scoped_lock lock(mutex_);
  if (!under_way_.try_emplace(volume_id, std::set<std::string>{""}).second) {
    return Pending(volume_id);
  }
  return Guard(this, volume_id, "");
}

Result<VolumeLocks::Guard> VolumeLocks::LockTarget(const std::string& volume_id,
                                                   const std::string& target) {
  DS_CHECK(!target.empty());
  const std::scoped_lock lock(mutex_);
  std::set<std::string>& targets = under_way_[volume_id];
  if (targets.contains("") || !targets.insert(target).second) {
    return Pending(volume_id);
  }
  return Guard(this, volume_id, target);
}

void VolumeLocks::Unlock(const std::string& volume_id,
                         const std::string& target) {
  const std::scoped_lock lock(mutex_);
  const auto found = under_way_.find(volume_id);
  DS_CHECK(found != under_way_.end());
  found->second.erase(target);
  if (found->second.empty()) under_way_.erase(found);
}

}  // namespace datashim::csi
