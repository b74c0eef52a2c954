// What a node process leaves with the keeper about one mount, for the process
// that comes after it. Holds no keys: the kubelet brings them again.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace datashim::node {

/// One FUSE mount and its bind mounts.
struct VolumeState {
  std::string volume_id;
  std::string place_id;
  std::vector<std::string> target_paths;  ///< Of the pods.

  friend bool operator==(const VolumeState&, const VolumeState&) = default;
};

/// Lines "<key> <value>", the first one the version. Pure.
/// REQUIRES: no value has a newline (the keeper allows none in paths and ids).
std::string EncodeVolumeState(const VolumeState& state);
/// @return kInvalidArgument for another version, an unknown key or no volume.
Result<VolumeState> DecodeVolumeState(std::string_view text);

/// A memfd with the text.
Result<sys::UniqueFd> WriteVolumeState(const VolumeState& state);
/// Reads at most 1 MiB from the start of the memfd.
Result<VolumeState> ReadVolumeState(const sys::UniqueFd& memfd);

}  // namespace datashim::node
