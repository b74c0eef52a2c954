// PodPatch: the JSON patch (RFC 6902) that gives a pod its Datasets. Pure.
// Which Datasets those are is said in the pod's labels and decided before.

#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/pod_labels.h"

namespace datashim::webhook {

/// One Dataset that a pod asks for; its claim, ConfigMap and Secret have its
/// name.
struct PodDataset {
  std::string name;
  bool as_mount = false;
  bool as_config_map = false;
  bool read_only = false;  ///< The claim is mounted read-only.
  /// What the pod's annotations say; `optional` is decided before.
  dataset::UseOptions options = {};
};

/// Only `add` operations: volumes, then mounts of init containers and of
/// containers, then environment of both; Datasets in the order given. Arrays
/// that the pod lacks are made. An empty array of operations when the pod has
/// everything.
///
/// A container that has a mount named like the Dataset keeps it: so a pod
/// chooses another path, if it does not by annotation. A claim that the pod
/// mounts under a volume name of its own gets nothing: the pod's author has
/// decided who sees it.
///
/// @return kInvalidArgument, naming pod volume or container, if a name or path
///     is taken by something else, or the pod's shape is no pod's.
Result<nlohmann::json> PodPatch(const nlohmann::json& pod,
                                const std::vector<PodDataset>& datasets);

}  // namespace datashim::webhook
