// BucketVolumes: CSI volumes that are places in S3 buckets, for clusters that
// run the official external-provisioner. Keeps no state: a volume is what its
// Secret says, and its id tells whether it is that place.

#pragma once

#include <string>

#include "csi/volume_host.h"

namespace datashim::csi_controller {

/// Thread-safe. Each call opens its own connections and is given up after
/// 20 s. The Secret is of the format of VolumeConfig.
class BucketVolumes : public csi::VolumeController {
 public:
  /// Makes the bucket if it is missing; a prefix needs no making. The id is the
  /// same for the same name and place. The capacity is what was asked for: a
  /// bucket has none of its own.
  /// @return kInvalidArgument, naming the key, if the Secret is wrong;
  ///     else the errors of S3Client::ProbeBucket and CreateBucket.
  Result<csi::CreatedVolume> Create(
      const csi::CreateVolumeRequest& request) override;

  /// Nothing: the objects are their owner's and stay.
  Status Delete(const std::string& volume_id,
                const dataset::SecretData& secrets) override;

  /// @return kNotFound if the id is not of this place or the bucket is gone;
  ///     otherwise as Create.
  Status Validate(const std::string& volume_id,
                  const dataset::SecretData& secrets) override;
};

/// `<place>-<name>`, both as hashes, so that it fits the 128 bytes of the
/// specification whatever they are. Pure.
std::string VolumeIdOf(const dataset::VolumeConfig& config,
                       const std::string& name);

/// Whether VolumeIdOf made `volume_id` for this place and any name. Pure.
bool IsVolumeOf(const dataset::VolumeConfig& config,
                const std::string& volume_id);

}  // namespace datashim::csi_controller
