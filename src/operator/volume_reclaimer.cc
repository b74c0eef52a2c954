#include "operator/volume_reclaimer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "dataset/names.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

constexpr std::chrono::milliseconds kNextSliceDelay{10};

Status IgnoreNotFound(Status status) {
  if (!status.ok() && status.error().code == ErrorCode::kNotFound) {
    return OkStatus();
  }
  return status;
}

}  // namespace

VolumeReclaimer::VolumeReclaimer(kube::Client& client, ClusterView& view,
                                 DataRemover& remover,
                                 std::string operator_namespace)
    : client_(client),
      view_(view),
      remover_(remover),
      operator_namespace_(std::move(operator_namespace)) {}

Result<kube::Outcome> VolumeReclaimer::Reconcile(const kube::ObjectKey& key,
                                                 Deadline deadline) {
  const kube::ObjectPtr volume = view_.volumes().Get(key);
  if (volume == nullptr) return kube::Outcome::Done();
  switch (PlanVolume(*volume)) {
    case VolumeStep::kNone:
      break;
    case VolumeStep::kDelete:
      // Guarded: it is still the volume that we saw released.
      DS_RETURN_IF_ERROR(IgnoreNotFound(
          client_.Delete(kube::kPersistentVolumes, key,
                         {.uid = kube::UidOf(*volume),
                          .resource_version = kube::ResourceVersionOf(*volume)},
                         deadline)));
      break;
    case VolumeStep::kFinalize:
      return Finalize(*volume, deadline);
  }
  return kube::Outcome::Done();
}

Result<kube::Outcome> VolumeReclaimer::Finalize(const kube::Json& volume,
                                                Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const bool is_done, remover_.Remove(volume, deadline));
  // At once, but behind the other volumes.
  if (!is_done) return kube::Outcome::RequeueAfter(kNextSliceDelay);
  const std::string uid = kube::AnnotationOf(volume, kClaimUidAnnotation);
  if (!uid.empty()) {
    DS_RETURN_IF_ERROR(IgnoreNotFound(client_.Delete(
        kube::kSecrets, {operator_namespace_, dataset::VolumeSecretName(uid)},
        {}, deadline)));
  }
  kube::Json without = volume;
  kube::RemoveFinalizer(without, kVolumeFinalizer);
  const kube::Json patch = {
      {"metadata",
       {{"resourceVersion", kube::ResourceVersionOf(volume)},
        {"finalizers", without["metadata"]["finalizers"]}}}};
  auto patched = client_.Patch(kube::kPersistentVolumes, kube::KeyOf(volume),
                               kube::PatchType::kMerge, patch, deadline);
  if (!patched.ok()) {
    DS_RETURN_IF_ERROR(IgnoreNotFound(std::move(patched).error()));
  }
  return kube::Outcome::Done();
}

Status VolumeReclaimer::SweepSecrets(Deadline deadline) {
  kube::ListOptions options;
  options.label_selector = std::string(kVolumeSecretLabel) + "=true";
  DS_ASSIGN_OR_RETURN(
      const kube::ObjectList secrets,
      client_.List(kube::kSecrets, operator_namespace_, options, deadline));
  for (const kube::Json& secret : secrets.items) {
    const std::string uid = kube::AnnotationOf(secret, kClaimUidAnnotation);
    const std::string claim_name = kube::AnnotationOf(secret, kClaimAnnotation);
    const auto slash = claim_name.find('/');
    if (uid.empty() || slash == std::string::npos) continue;
    const kube::ObjectPtr claim = view_.claims().Get(
        {claim_name.substr(0, slash), claim_name.substr(slash + 1)});
    if (claim != nullptr && kube::UidOf(*claim) == uid) continue;
    // Live, because a copy that lags would cost a volume its Secret.
    DS_ASSIGN_OR_RETURN(const auto volume,
                        client_.Find(kube::kPersistentVolumes,
                                     {"", dataset::VolumeName(uid)}, deadline));
    if (volume) continue;
    log::Info("volume Secret without volume and claim is deleted",
              {{"secret", kube::NameOf(secret)}, {"claim", claim_name}});
    DS_RETURN_IF_ERROR(
        IgnoreNotFound(client_.Delete(kube::kSecrets, kube::KeyOf(secret),
                                      {.uid = kube::UidOf(secret)}, deadline)));
  }
  return OkStatus();
}

}  // namespace datashim::controllers
