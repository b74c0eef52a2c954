// VolumeHost: what the CSI node service asks of the process around it. The
// services know gRPC and the specification; the host (src/node) knows keeper,
// FUSE and S3. All calls are thread-safe, block, and are idempotent as the CSI
// specification asks.

#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "dataset/pod_identity.h"
#include "dataset/volume_config.h"

namespace datashim::csi {

/// NodeStageVolume, checked by the service.
struct StageRequest {
  std::string volume_id;
  std::string staging_path;  ///< Absolute; kubelet made it or its parent.
  bool read_only = false;
  dataset::SecretData secrets;
};

/// NodePublishVolume, first or repeated (requiresRepublish).
struct PublishRequest {
  std::string volume_id;
  std::string staging_path;
  std::string target_path;  ///< Absolute; its parent exists.
  bool read_only = false;
  /// Empty when the volume has no node-publish secret; otherwise the current
  /// keys, again at every republish (about once a minute).
  dataset::SecretData secrets;
  /// At most one target may have the volume (ReadWriteOncePod).
  bool single_writer = false;
  /// Whose pod it is, with current tokens at every republish.
  dataset::PodIdentity pod = {};
};

/// NodeGetVolumeStats: usage and VolumeCondition.
struct VolumeStats {
  std::uint64_t total_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t available_bytes = 0;
  std::uint64_t total_inodes = 0;
  std::uint64_t used_inodes = 0;
  bool healthy = true;
  std::string message;  ///< Why it is not healthy.
};

/// The process that holds the mounts.
class VolumeHost {
 public:
  virtual ~VolumeHost() = default;
  virtual Status Stage(const StageRequest& request) = 0;
  virtual Status Publish(const PublishRequest& request) = 0;
  virtual Status Unpublish(const std::string& volume_id,
                           const std::string& target_path) = 0;
  virtual Status Unstage(const std::string& volume_id,
                         const std::string& staging_path) = 0;
  virtual Result<VolumeStats> Stats(const std::string& volume_id,
                                    const std::string& path) = 0;
  /// OK when the process can serve; the reason when not (Probe).
  virtual Status Ready() = 0;
};

/// What the CSI controller service asks for (the optional `datashim
/// controller`, for people who run the official external-provisioner).
struct CreateVolumeRequest {
  std::string name;
  std::uint64_t capacity_bytes = 0;
  dataset::SecretData secrets;
};

/// CreateVolumeResponse's volume.
struct CreatedVolume {
  std::string volume_id;
  std::uint64_t capacity_bytes = 0;
};

/// The process that makes and deletes volumes.
class VolumeController {
 public:
  virtual ~VolumeController() = default;
  virtual Result<CreatedVolume> Create(const CreateVolumeRequest& request) = 0;
  virtual Status Delete(const std::string& volume_id,
                        const dataset::SecretData& secrets) = 0;
  virtual Status Validate(const std::string& volume_id,
                          const dataset::SecretData& secrets) = 0;
};

}  // namespace datashim::csi
