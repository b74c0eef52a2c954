// The pod webhook's answer: admission review in, admission review out. Pure:
// no API calls, no clock, no logging; the HTTPS server is the operator's.

#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"

namespace datashim::webhook {

/// Largest body taken. The API server takes objects of up to 3 MiB, and a
/// review of a CREATE holds one.
inline constexpr std::size_t kReviewBytesMax = 4u << 20;
/// Deepest nesting taken; a pod has about 12 levels.
inline constexpr int kReviewDepthMax = 64;

/// Finds a Dataset. @return kNotFound if there is none of that name; any other
/// error means that it could not be found out.
using DatasetLookup = std::function<Result<dataset::Dataset>(
    const std::string& namespace_name, const std::string& name)>;

/// What to answer and what to see to.
struct Reviewed {
  /// The AdmissionReview to send back, with status 200 also for a denial.
  std::string response;
  bool allowed = false;

  /// The Datasets of `namespace_name` whose keys the pod asks for as
  /// environment variables. Their Secret must exist before the pod can start.
  /// Empty for a denied pod and for a dry run.
  std::vector<std::string> env_datasets;
  std::string namespace_name;
};

/// Adds to a new pod what its labels ask for. Every container and init
/// container gets every Dataset that it does not mount already. A pod that was
/// patched before gets only what is missing since (containers that other
/// webhooks added), so calling it again is harmless. A claim that the pod
/// mounts under a volume name of its own is left to the pod.
///
/// Denied, with a message for the pod's author: labels that break the grammar,
/// Datasets that do not exist in the request's namespace, a volume name or
/// mount path that is taken by something else.
///
/// @return kInvalidArgument if `body` is no AdmissionReview (v1) of a pod:
///     answer 400.
Result<Reviewed> Review(std::string_view body, const DatasetLookup& lookup);

}  // namespace datashim::webhook
