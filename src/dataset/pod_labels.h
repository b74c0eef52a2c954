// The label grammar: which Datasets a pod asks for and how it wants to use
// them. Pure. Not responsible for whether they exist.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"

namespace datashim::dataset {

/// How a pod's containers get a Dataset; see pod_annotations.h.
struct UseOptions {
  std::string mount_path = {};  ///< Empty: MountPath of the Dataset.
  std::string sub_path = {};    ///< Empty: the whole Dataset.
  bool read_only = false;
  bool optional = false;                     ///< It may be missing.
  std::vector<std::string> containers = {};  ///< Empty: all of the pod.
  std::vector<std::string> skipped_containers = {};

  friend bool operator==(const UseOptions&, const UseOptions&) = default;
};

/// One `dataset.<index>` of a pod.
struct DatasetUse {
  std::string name;
  bool as_mount = false;
  bool as_config_map = false;
  std::int64_t index = 0;
  UseOptions options = {};

  friend bool operator==(const DatasetUse&, const DatasetUse&) = default;
};

/// What a pod's labels ask for.
struct PodDatasets {
  std::vector<DatasetUse> uses;       ///< In ascending index.
  std::vector<std::string> warnings;  ///< For the pod's author.

  friend bool operator==(const PodDatasets&, const PodDatasets&) = default;
};

/// Reads `dataset.<index>.id: <name>` and `dataset.<index>.useas: <uses>`,
/// where <index> is a number from 0, without gaps or not, and <uses> is
/// `mount`, `configmap`, or several joined by '.'. An id without useas is a use
/// of nothing. Labels of somebody else's that start with `dataset.` (they have
/// a '/', or neither a number nor id or useas where ours have them) are left
/// alone, with a warning.
/// @return kInvalidArgument, naming the label, if one breaks the grammar, a
///     useas has no id, or two indexes name the same Dataset.
Result<PodDatasets> ParsePodLabels(const StringMap& labels);

}  // namespace datashim::dataset
