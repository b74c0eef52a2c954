// The annotations `dataset.<index>.<option>`: how a pod's containers get the
// Datasets that its labels ask for. Pure. The labels are pod_labels.h.

#pragma once

#include "base/result.h"
#include "dataset/pod_labels.h"

namespace datashim::dataset {

/// Reads `dataset.<index>.<option>` into the use of that index. Options:
///   mount-path       absolute path instead of /mnt/datasets/<name>
///   sub-path         a directory or file of the Dataset instead of all of it
///   read-only        "true": no container may write
///   containers       names, separated by commas: only these get the Dataset
///   skip-containers  names: these do not
///   optional         "true": the pod starts without a Dataset that is not
///   there
/// Other people's annotations (without a number there) are left alone.
/// @return kInvalidArgument, naming the annotation, if the option is unknown,
///     its value is wrong, or no label `dataset.<index>.id` belongs to it.
Status ReadPodAnnotations(const StringMap& annotations, PodDatasets& datasets);

}  // namespace datashim::dataset
