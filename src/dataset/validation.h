// Validation: turns the string map of a Dataset into what it means, or says
// which key is wrong. Pure. Not responsible for whether the Secret, endpoint
// and bucket exist.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"
#include "dataset/policy.h"
#include "dataset/source.h"
#include "dataset/volume_config.h"

namespace datashim::dataset {

/// A Dataset's spec, checked. Thread-compatible.
struct ResolvedSpec {
  VolumeShape shape;
  Source source;
  bool extract = false;  ///< spec.extract; only shown to pods.
  /// What is odd but harmless, such as an unknown key: one sentence each.
  std::vector<std::string> warnings;

  /// The source if it is of that type, else null.
  const BucketSource* bucket() const {
    return std::get_if<BucketSource>(&source);
  }
  const CsiSource* csi() const { return std::get_if<CsiSource>(&source); }
  const ArchiveSource* archive() const {
    return std::get_if<ArchiveSource>(&source);
  }
};

/// @return kInvalidArgument for a wrong name or spec, kPermissionDenied for
///     what the cluster's administrator does not allow, kUnimplemented for a
///     source that is not supported (spec.remote). Messages name the key
///     ("spec.local.endpoint: …") and hold no key's value that is secret.
Result<ResolvedSpec> Validate(const Dataset& dataset,
                              const Policy& policy = {});

/// True if spec.local says so, without checking the rest.
bool IsReadOnly(const Dataset& dataset);

/// True for the types that come with a ConfigMap and a Secret for pods.
bool HasEnvironment(const Dataset& dataset);

/// True if the label or spec.local says that the data goes with the Dataset;
/// the label, which upstream obeyed, wins. What was unpacked from an archive
/// goes unless one of them says no.
bool RemovesOnDelete(const Dataset& dataset);

/// The bucket's config with the keys of the owner's Secret (keys.h).
/// REQUIRES: bucket.secret_name is not empty.
/// @return kFailedPrecondition, naming the Secret and the key.
Result<VolumeConfig> WithKeysOf(const BucketSource& bucket,
                                const SecretData& secret);

}  // namespace datashim::dataset
