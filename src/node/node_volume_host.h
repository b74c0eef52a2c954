// NodeVolumeHost: the volumes of this node. Asks the keeper for mounts, and
// serves them.
//
// Where mounts are. The first place (bucket, prefix, endpoint) of a volume is
// mounted at the kubelet's staging path; when the volume's Secret names another
// place later, new pods get a mount of their own at
// <mounts_dir>/<volume id>/<place id>, and old pods stay where they are. Pods
// see bind mounts of one of them. Where pods open a bucket by their own
// identity, each ServiceAccount has a mount of its own there, and staging
// mounts nothing.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "csi/volume_host.h"
#include "fs/file_system.h"
#include "keeper/client.h"
#include "node/bucket_server.h"
#include "node/cache_settings.h"
#include "node/node_cache.h"
#include "volume/volume_credentials.h"

namespace datashim::node {

/// Where and how volumes are mounted.
struct VolumeHostOptions {
  /// Below the keeper's kubelet directory.
  std::string mounts_dir;
  /// Of every mount; `read_only` is set by the volume. All share the memory.
  fs::FileSystemOptions file_system;
  /// One for all of them. The keeper's is the same directory.
  CacheSettings cache;
  volume::TokenRules tokens;
};

/// Thread-safe; calls on one volume wait for each other.
class NodeVolumeHost final : public csi::VolumeHost {
 public:
  /// `keeper` outlives it.
  NodeVolumeHost(keeper::Client& keeper, VolumeHostOptions options);
  ~NodeVolumeHost() override;

  /// Ends what a former node process left with the keeper, so that pods get an
  /// error at once and do not hang; Publish, which the kubelet repeats, mounts
  /// again in place of them.
  Status EndFormerMounts(Deadline deadline);

  Status Stage(const csi::StageRequest& request) override;
  Status Publish(const csi::PublishRequest& request) override;
  Status Unpublish(const std::string& volume_id,
                   const std::string& target_path) override;
  Status Unstage(const std::string& volume_id,
                 const std::string& staging_path) override;
  Result<csi::VolumeStats> Stats(const std::string& volume_id,
                                 const std::string& path) override;
  Status Ready() override;

 private:
  /// One FUSE mount.
  struct Place {
    std::string path;
    std::shared_ptr<volume::VolumeCredentials> credentials;
    std::unique_ptr<BucketServer> server;
  };
  /// A volume between its first Stage (or Publish) and Unstage.
  struct Volume {
    std::mutex mutex;
    // All below are guarded by mutex, also over requests to keeper and bucket:
    // that is what makes the calls on one volume wait for each other.
    bool is_gone = false;  // Unstaged; a new one is in volumes_.
    std::string staging_path;
    std::string staged_place_id;
    std::map<std::string, Place> places;         // By place id.
    std::map<std::string, std::string> targets;  // Path to place id.
  };
  /// A volume that is locked and not gone.
  struct LockedVolume {
    std::shared_ptr<Volume> volume;
    std::unique_lock<std::mutex> lock;
    Volume* operator->() const { return volume.get(); }
    Volume& operator*() const { return *volume; }
  };

  /// Makes the volume if need be.
  LockedVolume Lock(const std::string& volume_id);
  /// kNotFound if there is none.
  Result<LockedVolume> LockIfKnown(const std::string& volume_id);
  static const Place* OldPlaceOf(const Volume& volume,
                                 const std::string& target_path,
                                 const std::string& place_id);
  Result<std::string> EnsurePlace(const std::string& volume_id, Volume& volume,
                                  const dataset::VolumeConfig& config,
                                  const dataset::PodIdentity& pod,
                                  bool read_only, Deadline deadline);
  Status Serve(BucketServer& server, const std::string& path, bool has_cache,
               sys::UniqueFd device, Deadline deadline);
  Result<Place> MountPlace(const keeper::MountSpec& spec,
                           const dataset::VolumeConfig& config,
                           const dataset::PodIdentity& pod, Deadline deadline);
  Result<sys::UniqueFd> FreshMount(const keeper::MountSpec& spec,
                                   Deadline deadline);
  Status UnmountPlace(const std::string& path, Deadline deadline);
  Status Bind(const std::string& place_path, const csi::PublishRequest& request,
              bool read_only, Deadline deadline);
  Status DropUnusedPlace(Volume& volume, const std::string& place_id,
                         Deadline deadline);
  void KeepState(const std::string& volume_id, const Volume& volume,
                 const std::string& place_id, Deadline deadline);
  std::string DirectoryOf(const std::string& volume_id) const;

  keeper::Client& keeper_;
  const VolumeHostOptions options_;
  NodeCache cache_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Volume>> volumes_;  // By mutex_.
};

}  // namespace datashim::node
