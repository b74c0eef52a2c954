// Environment: what a Dataset shows to pods with `useas: configmap`: the data
// of the ConfigMap and of the Secret named like it. Upstream's keys, because
// pods read them as variables "<dataset>_<key>".

#pragma once

#include "dataset/dataset.h"
#include "dataset/validation.h"
#include "dataset/volume_config.h"

namespace datashim::dataset {

/// endpoint, bucket, folder, region.
StringMap ConfigMapData(const VolumeConfig& config);

/// accessKeyID, secretAccessKey, and everything else that upstream writes:
/// endpoint, bucket, folder, region, readonly, extract, provision,
/// remove-on-delete.
/// @param config the bucket's config with keys (WithKeysOf).
/// REQUIRES: the source is a bucket.
SecretData EnvSecretData(const ResolvedSpec& spec, const VolumeConfig& config);

}  // namespace datashim::dataset
