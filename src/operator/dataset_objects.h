// The objects that a Dataset gets: ConfigMap, claim and Secret named like it.
// Pure: builds them and says whether those that exist still fit.

#pragma once

#include <string>
#include <string_view>

#include "dataset/dataset.h"
#include "dataset/validation.h"
#include "dataset/volume_config.h"
#include "kube/object.h"
#include "operator/dataset_plan.h"

namespace datashim::controllers {

/// A Dataset in both forms: as the API server sent it, and parsed.
struct DatasetSource {
  const kube::Json& object;
  const dataset::Dataset& dataset;
  const dataset::ResolvedSpec& spec;
};

/// REQUIRES: the source is a bucket.
kube::Json BuildConfigMap(const DatasetSource& source);
kube::Json BuildClaim(const DatasetSource& source);
/// @param config the bucket's place with the keys.
/// REQUIRES: the source is a bucket.
kube::Json BuildEnvSecret(const DatasetSource& source,
                          const dataset::VolumeConfig& config);

/// Whose `object` (may be null) is, if the Dataset's uid is `dataset_uid`.
Ownership OwnershipOf(const kube::Json* object, std::string_view dataset_uid);

/// What of `object` a decision depends on; `desired` as the builders make it.
/// Of a claim only labels and annotations are compared: its spec cannot be
/// changed.
ChildObservation ObserveChild(const kube::Json* object,
                              const kube::Json& desired,
                              std::string_view dataset_uid);
ClaimObservation ObserveClaim(const kube::Json* claim,
                              const kube::Json& desired,
                              std::string_view dataset_uid);

/// `object` with the labels, annotations and data of `desired`; keeps the rest
/// of its metadata, so that it can be written guarded by its resourceVersion.
kube::Json MergeChild(const kube::Json& object, const kube::Json& desired);

}  // namespace datashim::controllers
