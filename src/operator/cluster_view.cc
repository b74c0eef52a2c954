#include "operator/cluster_view.h"

#include <nlohmann/json.hpp>

#include "operator/names.h"

namespace datashim::controllers {
namespace {

/// Large, a copy of the object, and the reason why inline keys would be kept
/// in memory twice.
constexpr const char* kLastApplied =
    "kubectl.kubernetes.io/last-applied-configuration";

void ForgetLastApplied(kube::Json& object) {
  const kube::Json* annotations =
      kube::Field(object, {"metadata", "annotations"});
  if (annotations != nullptr && annotations->is_object()) {
    object["metadata"]["annotations"].erase(kLastApplied);
  }
}

/// Volumes that somebody else made are only names to us.
void TrimVolume(kube::Json& volume) {
  ForgetLastApplied(volume);
  if (kube::AnnotationOf(volume, kProvisionedByAnnotation) == kDriverName) {
    return;
  }
  volume.erase("spec");
  volume.erase("status");
  kube::Json& metadata = volume["metadata"];
  metadata.erase("annotations");
  metadata.erase("labels");
}

void TrimClaim(kube::Json& claim) {
  ForgetLastApplied(claim);
  const std::string phase = kube::StringAt(claim, {"status", "phase"});
  claim["status"] = {{"phase", phase}};
}

kube::InformerOptions Options(std::function<void(kube::Json&)> transform) {
  kube::InformerOptions options;
  options.transform = std::move(transform);
  return options;
}

kube::InformerOptions VolumeOptions() {
  kube::InformerOptions options = Options(TrimVolume);
  options.indexes.emplace(
      kDatasetIndex, [](const kube::Json& volume) -> std::vector<std::string> {
        std::string uid = kube::AnnotationOf(volume, kDatasetUidAnnotation);
        if (uid.empty()) return {};
        return {std::move(uid)};
      });
  return options;
}

kube::InformerOptions ConfigMapOptions() {
  kube::InformerOptions options;
  options.label_selector = kDatasetLabel;
  return options;
}

}  // namespace

kube::InformerOptions DatasetInformerOptions() {
  return Options(ForgetLastApplied);
}

ClusterView::ClusterView(kube::Client& client, const kube::Informer& datasets,
                         Clock& clock)
    : datasets_(datasets),
      claims_(client, kube::kPersistentVolumeClaims, Options(TrimClaim), clock),
      volumes_(client, kube::kPersistentVolumes, VolumeOptions(), clock),
      config_maps_(client, kube::kConfigMaps, ConfigMapOptions(), clock),
      storage_classes_(client, kube::kStorageClasses,
                       Options(ForgetLastApplied), clock) {}

kube::ObjectPtr ClusterView::ClassOf(const kube::Json& claim) const {
  const std::string name = kube::StringAt(claim, {"spec", "storageClassName"});
  return name.empty() ? nullptr : storage_classes_.Get({"", name});
}

std::vector<kube::Informer*> ClusterView::All() {
  return {&claims_, &volumes_, &config_maps_, &storage_classes_};
}

void ClusterView::Start() {
  for (kube::Informer* informer : All()) informer->Start();
}

bool ClusterView::WaitForSync(Deadline deadline) {
  for (kube::Informer* informer : All()) {
    if (!informer->WaitForSync(deadline)) return false;
  }
  return true;
}

void ClusterView::RequestStop() {
  for (kube::Informer* informer : All()) informer->RequestStop();
}

void ClusterView::Stop() {
  RequestStop();
  for (kube::Informer* informer : All()) informer->Stop();
}

}  // namespace datashim::controllers
