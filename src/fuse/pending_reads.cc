#include "fuse/pending_reads.h"

#include <algorithm>
#include <utility>

namespace datashim::fuse {

bool PendingReads::Add(std::uint64_t unique, std::shared_ptr<Channel> channel) {
  const std::lock_guard lock(mutex_);
  if (early_count_ > 0) {
    const auto found = std::find(early_.begin(), early_.end(), unique);
    if (found != early_.end()) {
      *found = 0;
      --early_count_;
      return false;
    }
  }
  reads_.emplace(unique, std::move(channel));
  return true;
}

std::shared_ptr<Channel> PendingReads::Take(std::uint64_t unique) {
  const std::lock_guard lock(mutex_);
  return TakeLocked(unique);
}

std::shared_ptr<Channel> PendingReads::TakeInterrupted(std::uint64_t unique) {
  const std::lock_guard lock(mutex_);
  if (auto channel = TakeLocked(unique)) return channel;
  std::uint64_t& slot = early_[early_next_];
  if (slot == 0) ++early_count_;
  slot = unique;
  early_next_ = (early_next_ + 1) % early_.size();
  return nullptr;
}

std::shared_ptr<Channel> PendingReads::TakeLocked(std::uint64_t unique) {
  const auto found = reads_.find(unique);
  if (found == reads_.end()) return nullptr;
  std::shared_ptr<Channel> channel = std::move(found->second);
  reads_.erase(found);
  return channel;
}

void PendingReads::Clear() {
  std::unordered_map<std::uint64_t, std::shared_ptr<Channel>> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(reads_);
}

}  // namespace datashim::fuse
