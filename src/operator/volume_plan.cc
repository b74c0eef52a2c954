#include "operator/volume_plan.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "dataset/names.h"
#include "dataset/source.h"
#include "operator/names.h"

namespace datashim::controllers {
namespace {

constexpr std::string_view kWaitForFirstConsumer = "WaitForFirstConsumer";

/// Copies the value at `path`, or takes `fallback` where there is none.
kube::Json CopyOr(const kube::Json& object,
                  std::initializer_list<std::string_view> path,
                  kube::Json fallback) {
  const kube::Json* value = kube::Field(object, path);
  if (value != nullptr) return *value;
  return fallback;
}

}  // namespace

bool IsDescribed(const kube::Json& claim) {
  // Without the field, the default class would be meant.
  const std::initializer_list<std::string_view> path = {"spec",
                                                        "storageClassName"};
  return kube::Field(claim, path) != nullptr &&
         kube::StringAt(claim, path).empty() &&
         DatasetOwnerOf(claim).has_value();
}

bool IsOurClass(const kube::Json* storage_class) {
  return storage_class != nullptr &&
         kube::StringAt(*storage_class, {"provisioner"}) == kDriverName;
}

std::optional<DatasetOwner> DatasetOwnerOf(const kube::Json& object) {
  for (const kube::OwnerReference& owner : kube::OwnerReferencesOf(object)) {
    if (owner.controller && owner.kind == kDatasets.kind &&
        owner.api_version == kDatasets.ApiVersion()) {
      return DatasetOwner{owner.name, owner.uid};
    }
  }
  return std::nullopt;
}

bool IsServed(const kube::Json& claim, const kube::Json* storage_class) {
  if (kube::IsBeingDeleted(claim)) return false;
  const bool is_described = IsDescribed(claim);
  if (!is_described && !IsOurClass(storage_class)) return false;
  const std::string volume = kube::StringAt(claim, {"spec", "volumeName"});
  if (!volume.empty()) return volume == dataset::VolumeName(kube::UidOf(claim));
  return is_described ||
         kube::StringAt(*storage_class, {"volumeBindingMode"}) !=
             kWaitForFirstConsumer ||
         !kube::AnnotationOf(claim, kSelectedNodeAnnotation).empty();
}

kube::Json BuildVolumeFrame(const kube::Json& claim) {
  const std::string uid = kube::UidOf(claim);
  const kube::ObjectKey key = kube::KeyOf(claim);
  kube::Json volume = kube::MakeObject(kube::kPersistentVolumes,
                                       {"", dataset::VolumeName(uid)});
  kube::Json& metadata = volume["metadata"];
  metadata["finalizers"] = {kVolumeFinalizer};
  metadata["annotations"] = {{kProvisionedByAnnotation, kDriverName},
                             {kClaimAnnotation, key.ToString()},
                             {kClaimUidAnnotation, uid}};
  if (const auto owner = DatasetOwnerOf(claim)) {
    metadata["annotations"][kDatasetUidAnnotation] = owner->uid;
    metadata["labels"] = {{kDatasetLabel, owner->name}};
  }
  volume["spec"] = {
      {"capacity",
       {{"storage", CopyOr(claim, {"spec", "resources", "requests", "storage"},
                           dataset::kDefaultSize)}}},
      {"accessModes",
       CopyOr(claim, {"spec", "accessModes"}, {"ReadWriteMany"})},
      {"volumeMode", "Filesystem"},
      {"claimRef",
       {{"apiVersion", "v1"},
        {"kind", kube::kPersistentVolumeClaims.kind},
        {"namespace", key.namespace_name},
        {"name", key.name},
        {"uid", uid}}}};
  return volume;
}

kube::Json BuildVolume(const kube::Json& claim, const kube::Json& storage_class,
                       const VolumeRequest& request) {
  const std::string uid = kube::UidOf(claim);
  const kube::Json secret_reference = {
      {"name", dataset::VolumeSecretName(uid)},
      {"namespace", request.operator_namespace}};
  kube::Json volume = BuildVolumeFrame(claim);
  if (request.bucket_created) {
    volume["metadata"]["annotations"][kBucketCreatedAnnotation] = "true";
  }
  kube::Json& spec = volume["spec"];
  spec["persistentVolumeReclaimPolicy"] =
      CopyOr(storage_class, {"reclaimPolicy"}, "Delete");
  spec["storageClassName"] = kube::NameOf(storage_class);
  spec["csi"] = {{"driver", kDriverName},
                 {"volumeHandle", dataset::VolumeName(uid)},
                 {"readOnly", request.read_only},
                 {"nodeStageSecretRef", secret_reference},
                 {"nodePublishSecretRef", secret_reference}};
  kube::Json options =
      CopyOr(storage_class, {"mountOptions"}, kube::Json::array());
  for (const std::string& option : request.mount_options) {
    options.push_back(option);
  }
  if (!options.empty()) spec["mountOptions"] = std::move(options);
  return volume;
}

kube::Json BuildVolumeSecret(const kube::Json& claim,
                             std::string_view operator_namespace,
                             const dataset::SecretData& data) {
  const std::string uid = kube::UidOf(claim);
  kube::Json secret = kube::MakeObject(
      kube::kSecrets,
      {std::string(operator_namespace), dataset::VolumeSecretName(uid)});
  secret["metadata"]["labels"] = {{kVolumeSecretLabel, "true"}};
  secret["metadata"]["annotations"] = {
      {kClaimAnnotation, kube::KeyOf(claim).ToString()},
      {kClaimUidAnnotation, uid}};
  secret["type"] = "Opaque";
  secret["data"] = EncodeSecretData(data);
  return secret;
}

VolumeStep PlanVolume(const kube::Json& volume) {
  const bool is_described =
      !kube::AnnotationOf(volume, kDescribedAnnotation).empty();
  if (kube::AnnotationOf(volume, kProvisionedByAnnotation) != kDriverName ||
      (!is_described &&
       kube::StringAt(volume, {"spec", "csi", "driver"}) != kDriverName)) {
    return VolumeStep::kNone;
  }
  const std::string phase = kube::StringAt(volume, {"status", "phase"});
  if (kube::IsBeingDeleted(volume)) {
    return kube::HasFinalizer(volume, kVolumeFinalizer) && phase != "Bound"
               ? VolumeStep::kFinalize
               : VolumeStep::kNone;
  }
  const bool goes_with_claim =
      is_described ||
      kube::StringAt(volume, {"spec", "persistentVolumeReclaimPolicy"}) ==
          "Delete";
  return phase == "Released" && goes_with_claim ? VolumeStep::kDelete
                                                : VolumeStep::kNone;
}

dataset::SecretData SecretDataOf(const kube::Json& secret) {
  dataset::SecretData data;
  const kube::Json* encoded = kube::Field(secret, {"data"});
  if (encoded == nullptr || !encoded->is_object()) return data;
  for (const auto& [key, value] : encoded->items()) {
    if (!value.is_string()) continue;
    auto text = Base64Decode(value.get_ref<const std::string&>());
    if (text) data.emplace(key, SecretString(*std::move(text)));
  }
  return data;
}

kube::Json EncodeSecretData(const dataset::SecretData& data) {
  kube::Json encoded = kube::Json::object();
  for (const auto& [key, value] : data) {
    encoded[key] = Base64Encode(value.Reveal());
  }
  return encoded;
}

}  // namespace datashim::controllers
