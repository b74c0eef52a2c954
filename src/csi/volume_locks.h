// VolumeLocks: which volumes have an operation under way. Nobody waits here: a
// second operation is answered ABORTED, and the caller tries again.

#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>

#include "base/result.h"

namespace datashim::csi {

/// Thread-safe. An operation on a whole volume (stage, unstage, delete)
/// excludes all others on it; operations on different targets of a volume
/// (publish, unpublish) run side by side, so that many pods of one node start
/// at once.
class VolumeLocks {
 public:
  /// Held while the operation runs. Move-only; must not outlive the locks.
  class Guard {
   public:
    Guard(Guard&& other) noexcept;
    Guard& operator=(Guard&&) = delete;
    ~Guard();

   private:
    friend class VolumeLocks;
    Guard(VolumeLocks* locks, std::string volume_id, std::string target)
        : locks_(locks),
          volume_id_(std::move(volume_id)),
          target_(std::move(target)) {}

    VolumeLocks* locks_;
    std::string volume_id_;
    std::string target_;  // Empty: the whole volume.
  };

  /// @return kAborted if anything is under way on the volume.
  Result<Guard> LockVolume(const std::string& volume_id);
  /// @return kAborted if something is under way on the whole volume or on this
  ///     target. REQUIRES: !target.empty().
  Result<Guard> LockTarget(const std::string& volume_id,
                           const std::string& target);

 private:
  void Unlock(const std::string& volume_id, const std::string& target);

  std::mutex mutex_;
  // By volume id, the targets under way; "" is the whole volume. Guarded by
  // mutex_. An entry exists only while something is under way.
  std::map<std::string, std::set<std::string>> under_way_;
};

}  // namespace datashim::csi
