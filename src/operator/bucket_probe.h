// Finds out whether a volume's bucket can be used with its keys, and makes the
// bucket where that is asked for. Knows nothing of Kubernetes.

#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/volume_config.h"

namespace datashim::controllers {

/// What the store said.
struct BucketVerdict {
  /// One of names.h, reason; empty: the bucket can be used.
  std::string reason;
  std::string message;
  /// Whether the store took the keys; nullopt: it was not that far.
  std::optional<bool> credentials_valid;
  bool created = false;  ///< The bucket was made by this call.
};

/// A store that does not answer is given up after this time, so that the
/// reason is in the status within 10 s of the Dataset's creation.
inline constexpr std::chrono::seconds kProbeTimeout{5};

/// Asks the store, with a role of the keys if the config names one (but not for
/// a config that only pods open); blocks until its answer, kProbeTimeout or the
/// deadline.
/// @param make_for if the bucket is not there, make it and tag it with this
///     (kMadeForTag), the uid of whom it is for.
BucketVerdict ProbeBucket(const dataset::VolumeConfig& config,
                          const std::optional<std::string>& make_for,
                          Deadline deadline);

/// The verdict for what s3 reported. Pure.
BucketVerdict ExplainProbe(const Status& status);

}  // namespace datashim::controllers
