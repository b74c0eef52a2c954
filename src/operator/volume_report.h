// VolumeReports: what the provisioner last found out about each claim, for the
// Dataset controller to show. In memory only: after a restart it is found out
// again.

#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace datashim::controllers {

/// How far the volume of a claim is.
struct VolumeReport {
  /// True: the PersistentVolume and its Secret are as the spec wants them.
  bool ready = false;
  /// What stands in the way; empty while nothing does.
  std::string reason = {};   ///< One of names.h, reason.
  std::string message = {};  ///< For people; stable over retries.
  /// Whether the store took the keys; nullopt: not known.
  std::optional<bool> credentials_valid = {};
  /// Grows whenever the content of the volume Secret changes.
  std::uint64_t revision = 0;

  friend bool operator==(const VolumeReport&, const VolumeReport&) = default;
};

/// Thread-safe.
class VolumeReports {
 public:
  /// @return true if it differs from the report before.
  bool Set(const std::string& claim_uid, VolumeReport report);
  std::optional<VolumeReport> Get(const std::string& claim_uid) const;
  void Erase(const std::string& claim_uid);

 private:
  mutable std::mutex mutex_;
  std::map<std::string, VolumeReport> reports_;  // Guarded by mutex_.
};

}  // namespace datashim::controllers
