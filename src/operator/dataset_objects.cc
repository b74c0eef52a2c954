#include "operator/dataset_objects.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "dataset/environment.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

kube::Json MakeChild(const kube::ResourceType& type,
                     const DatasetSource& source) {
  kube::Json child = kube::MakeObject(
      type, {source.dataset.namespace_name, source.dataset.name});
  child["metadata"]["labels"] = {{kDatasetLabel, source.dataset.name}};
  kube::SetControllerReference(child, source.object);
  return child;
}

/// True if every entry of `wanted` (absent: none) is in `map` as well.
bool Includes(const kube::Json* map, const kube::Json* wanted) {
  if (wanted == nullptr) return true;
  for (const auto& [key, value] : wanted->items()) {
    if (map == nullptr || !map->is_object()) return false;
    const auto it = map->find(key);
    if (it == map->end() || *it != value) return false;
  }
  return true;
}

/// Empty for a volume that we describe.
std::string StorageClassOf(const dataset::ResolvedSpec& spec) {
  if (spec.bucket() != nullptr || spec.archive() != nullptr) {
    return std::string(kStorageClassName);
  }
  return spec.csi() != nullptr ? spec.csi()->storage_class : std::string();
}

bool SameData(const kube::Json& object, const kube::Json& desired) {
  const kube::Json* data = kube::Field(object, {"data"});
  const kube::Json* wanted = kube::Field(desired, {"data"});
  if (wanted == nullptr) return true;  // A claim.
  return data != nullptr && *data == *wanted;
}

}  // namespace

kube::Json BuildConfigMap(const DatasetSource& source) {
  kube::Json config_map = MakeChild(kube::kConfigMaps, source);
  const dataset::BucketSource* bucket = source.spec.bucket();
  DS_CHECK(bucket != nullptr);
  config_map["data"] = dataset::ConfigMapData(bucket->config);
  return config_map;
}

kube::Json BuildClaim(const DatasetSource& source) {
  kube::Json claim = MakeChild(kube::kPersistentVolumeClaims, source);
  const dataset::ResolvedSpec& spec = source.spec;
  if (spec.bucket() != nullptr) {
    claim["metadata"]["annotations"] = {
        {kLocationAnnotation, spec.bucket()->config.LocationId()}};
  }
  claim["spec"]["accessModes"] = kube::Json::array({spec.shape.access_mode});
  claim["spec"]["storageClassName"] = StorageClassOf(spec);
  claim["spec"]["resources"]["requests"]["storage"] = spec.shape.size;
  return claim;
}

kube::Json BuildEnvSecret(const DatasetSource& source,
                          const dataset::VolumeConfig& config) {
  kube::Json secret = MakeChild(kube::kSecrets, source);
  secret["type"] = "Opaque";
  secret["data"] =
      EncodeSecretData(dataset::EnvSecretData(source.spec, config));
  return secret;
}

Ownership OwnershipOf(const kube::Json* object, std::string_view dataset_uid) {
  if (object == nullptr) return Ownership::kAbsent;
  return kube::ControllerUidOf(*object) == dataset_uid ? Ownership::kOurs
                                                       : Ownership::kForeign;
}

ChildObservation ObserveChild(const kube::Json* object,
                              const kube::Json& desired,
                              std::string_view dataset_uid) {
  ChildObservation seen;
  seen.ownership = OwnershipOf(object, dataset_uid);
  if (seen.ownership == Ownership::kAbsent) return seen;
  seen.being_deleted = kube::IsBeingDeleted(*object);
  seen.current = SameData(*object, desired) &&
                 Includes(kube::Field(*object, {"metadata", "labels"}),
                          kube::Field(desired, {"metadata", "labels"})) &&
                 Includes(kube::Field(*object, {"metadata", "annotations"}),
                          kube::Field(desired, {"metadata", "annotations"}));
  return seen;
}

ClaimObservation ObserveClaim(const kube::Json* claim,
                              const kube::Json& desired,
                              std::string_view dataset_uid) {
  ClaimObservation seen;
  static_cast<ChildObservation&>(seen) =
      ObserveChild(claim, desired, dataset_uid);
  if (claim == nullptr) return seen;
  const std::string phase = kube::StringAt(*claim, {"status", "phase"});
  if (phase == "Bound") seen.phase = ClaimPhase::kBound;
  if (phase == "Lost") seen.phase = ClaimPhase::kLost;
  seen.volume_name = kube::StringAt(*claim, {"spec", "volumeName"});
  return seen;
}

kube::Json MergeChild(const kube::Json& object, const kube::Json& desired) {
  kube::Json merged = object;
  for (const char* map : {"labels", "annotations"}) {
    if (const kube::Json* wanted = kube::Field(desired, {"metadata", map})) {
      merged["metadata"][map].update(*wanted);
    }
  }
  if (const kube::Json* data = kube::Field(desired, {"data"})) {
    merged["data"] = *data;
  }
  return merged;
}

}  // namespace datashim::controllers
