// Names: which names a Dataset may have, and how the objects made for it are
// called. Pure. Not responsible for who owns an object of such a name.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datashim::dataset {

/// A Dataset's name is also a label's value and a volume's name in pods, and
/// both end at 63 characters.
inline constexpr std::size_t kNameBytesMax = 63;

/// @return kInvalidArgument unless the name is lower-case letters, digits and
///     '-', starts and ends with a letter or digit, and is not too long.
///     Narrower than Kubernetes, which also allows dots.
Status CheckName(std::string_view name);

/// "pvc-<uid>": the PersistentVolume of a claim, and its volume handle.
std::string VolumeName(std::string_view claim_uid);

/// "vol-<uid>": the Secret with a claim's VolumeConfig, in the operator's
/// namespace.
std::string VolumeSecretName(std::string_view claim_uid);

/// "/mnt/datasets/<name>": where pods see a Dataset unless they say otherwise.
std::string MountPath(std::string_view dataset_name);

/// "<name>_": what the environment variables of a Dataset start with.
std::string EnvPrefix(std::string_view dataset_name);

}  // namespace datashim::dataset
