// Validation: turns the string map of a Dataset into what it means, or says
// which key is wrong. Pure. Not responsible for whether the Secret, endpoint
// and bucket exist.

#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "dataset/dataset.h"
#include "dataset/volume_config.h"

namespace datashim::dataset {

/// A COS Dataset's spec, checked. Thread-compatible.
struct ResolvedSpec {
  /// The place. Holds keys only if they are inline.
  VolumeConfig config;
  /// The owner's Secret, in the Dataset's namespace; empty: config has the
  /// keys, or the bucket is read anonymously.
  std::string secret_name;
  bool provision = false;  ///< Make the bucket if it is not there.
  bool extract = false;    ///< spec.extract; only shown to pods.
  /// What is odd but harmless, such as an unknown key: one sentence each.
  std::vector<std::string> warnings;

  bool HasInlineKeys() const {
    return secret_name.empty() && !config.access_key_id.empty();
  }
};

/// @return kInvalidArgument for a wrong name or spec, kUnimplemented for a
///     type that this version does not support. Messages name the key
///     ("spec.local.endpoint: …") and hold no key's value that is secret.
Result<ResolvedSpec> Validate(const Dataset& dataset);

/// True if spec.local.readonly says so, without checking the rest.
bool IsReadOnly(const Dataset& dataset);

/// True for the types that come with a ConfigMap and a Secret for pods.
bool HasEnvironment(const Dataset& dataset);

/// spec.config with the keys of the owner's Secret: accessKeyID and
/// secretAccessKey (both must be there; both empty is anonymous), and
/// sessionToken if it is there. White space around a key, such as the newline
/// of `echo key | base64`, is dropped.
/// REQUIRES: spec.secret_name is not empty.
/// @return kFailedPrecondition, naming the Secret and the key.
Result<VolumeConfig> WithKeysOf(const ResolvedSpec& spec,
                                const SecretData& secret);

}  // namespace datashim::dataset
