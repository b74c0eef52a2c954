#include "operator/dataset_controller.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "operator/dataset_objects.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

/// More steps than a Dataset can need in one pass; ends a loop of a bug.
constexpr int kStepsMax = 12;

/// OK if the object was there, or is gone already.
Status IgnoreNotFound(Status status) {
  if (!status.ok() && status.error().code == ErrorCode::kNotFound) {
    return OkStatus();
  }
  return status;
}

kube::ObjectPtr Share(kube::Json object) {
  return std::make_shared<const kube::Json>(std::move(object));
}

bool UsesClaim(const kube::Json& pod, const std::string& claim_name) {
  const kube::Json* volumes = kube::Field(pod, {"spec", "volumes"});
  if (volumes == nullptr || !volumes->is_array()) return false;
  return std::any_of(
      volumes->begin(), volumes->end(), [&](const kube::Json& volume) {
        return kube::StringAt(volume, {"persistentVolumeClaim", "claimName"}) ==
               claim_name;
      });
}

}  // namespace

struct DatasetController::Pass {
  kube::Json object;  ///< The Dataset, as last read or written.
  kube::ObjectKey key;
  std::string uid;
  dataset::Dataset dataset;
  std::optional<dataset::ResolvedSpec> spec;
  DatasetObservation seen;

  // What exists, null if nothing does, and what should; the latter only with a
  // valid spec.
  kube::ObjectPtr config_map;
  kube::ObjectPtr claim;
  kube::ObjectPtr env_secret;
  kube::Json wanted_config_map;
  kube::Json wanted_claim;
  kube::Json wanted_env_secret;

  void ParseSpec(const dataset::Policy& policy);
  void Look();
};

void DatasetController::Pass::ParseSpec(const dataset::Policy& policy) {
  auto parsed = dataset::ParseDataset(object);
  if (!parsed.ok()) {
    seen.spec_problem = parsed.error().message;
    return;
  }
  dataset = *std::move(parsed);
  auto validated = dataset::Validate(dataset, policy);
  if (!validated.ok()) {
    seen.spec_problem = validated.error().message;
    return;
  }
  spec = *std::move(validated);
  const DatasetSource source{object, dataset, *spec};
  seen.config_map_wanted = spec->bucket() != nullptr;
  seen.removes_data =
      (spec->bucket() != nullptr && spec->bucket()->remove_on_delete) ||
      (spec->archive() != nullptr && spec->archive()->target.remove_on_delete);
  if (seen.config_map_wanted) wanted_config_map = BuildConfigMap(source);
  wanted_claim = BuildClaim(source);
}

/// Brings `seen` up to what the objects say.
void DatasetController::Pass::Look() {
  seen.name = key.name;
  seen.generation = kube::GenerationOf(object);
  seen.being_deleted = kube::IsBeingDeleted(object);
  seen.has_finalizer = kube::HasFinalizer(object, kDatasetFinalizer);
  seen.config_map = ObserveChild(config_map.get(), wanted_config_map, uid);
  seen.claim = ObserveClaim(claim.get(), wanted_claim, uid);
  seen.env_secret = ObserveChild(env_secret.get(), wanted_env_secret, uid);
}

DatasetController::DatasetController(kube::Client& client, ClusterView& view,
                                     const VolumeReports& reports,
                                     const VolumeReports& removals,
                                     kube::EventRecorder& events,
                                     dataset::Policy policy, Clock& clock)
    : client_(client),
      view_(view),
      reports_(reports),
      removals_(removals),
      events_(events),
      policy_(std::move(policy)),
      clock_(clock) {}

Result<kube::Outcome> DatasetController::Reconcile(const kube::ObjectKey& key,
                                                   Deadline deadline) {
  const kube::ObjectPtr object = view_.datasets().Get(key);
  if (object == nullptr) return kube::Outcome::Done();

  Pass pass;
  pass.object = *object;
  pass.key = key;
  pass.uid = kube::UidOf(*object);
  pass.ParseSpec(policy_);
  DS_RETURN_IF_ERROR(Observe(pass, deadline));
  for (int steps = 0; steps < kStepsMax; ++steps) {
    const auto step = NextStep(pass.seen);
    if (!step) break;
    DS_RETURN_IF_ERROR(Execute(*step, pass, deadline));
    if (*step == DatasetStep::kRemoveFinalizer) return kube::Outcome::Done();
    pass.Look();
  }
  DS_RETURN_IF_ERROR(ObservePods(pass, deadline));
  DS_RETURN_IF_ERROR(WriteStatus(pass, deadline));
  const auto delay = LookAgainAfter(pass.seen);
  return delay ? kube::Outcome::RequeueAfter(*delay) : kube::Outcome::Done();
}

Status DatasetController::Observe(Pass& pass, Deadline deadline) {
  pass.config_map = view_.config_maps().Get(pass.key);
  pass.claim = view_.claims().Get(pass.key);
  if (pass.claim == nullptr && kube::IsBeingDeleted(pass.object)) {
    // The copy may not show yet the claim that was made a moment ago, and
    // nobody would wait for it.
    DS_ASSIGN_OR_RETURN(auto claim, client_.Find(kube::kPersistentVolumeClaims,
                                                 pass.key, deadline));
    if (claim) pass.claim = Share(*std::move(claim));
  }
  for (const kube::ObjectPtr& volume :
       view_.volumes().ByIndex(kDatasetIndex, pass.uid)) {
    pass.seen.volume_exists = true;
    const std::string uid = kube::AnnotationOf(*volume, kClaimUidAnnotation);
    if (!pass.seen.removal) pass.seen.removal = removals_.Get(uid);
  }
  if (pass.claim != nullptr) {
    pass.seen.report = reports_.Get(kube::UidOf(*pass.claim));
  }
  DS_RETURN_IF_ERROR(ObserveEnvSecret(pass, deadline));
  pass.Look();
  return OkStatus();
}

/// The Secret with the keys for pods that want them as environment.
Status DatasetController::ObserveEnvSecret(Pass& pass, Deadline deadline) {
  if (kube::AnnotationOf(pass.object, kEnvSecretAnnotation).empty()) {
    return OkStatus();
  }
  const dataset::BucketSource* bucket =
      pass.spec ? pass.spec->bucket() : nullptr;
  if (pass.spec && bucket == nullptr) return OkStatus();
  // An owner whose own Secret has the Dataset's name needs no second one: pods
  // get its keys.
  if (bucket != nullptr && bucket->secret_name == pass.key.name) {
    return OkStatus();
  }

  DS_ASSIGN_OR_RETURN(auto secret,
                      client_.Find(kube::kSecrets, pass.key, deadline));
  if (secret) pass.env_secret = Share(*std::move(secret));
  pass.seen.env_secret_wanted = true;
  if (bucket == nullptr || pass.seen.being_deleted) return OkStatus();

  dataset::VolumeConfig config = bucket->config;
  if (!bucket->secret_name.empty()) {
    DS_ASSIGN_OR_RETURN(
        const auto owned,
        client_.Find(kube::kSecrets,
                     {pass.key.namespace_name, bucket->secret_name}, deadline));
    auto with_keys = dataset::WithKeysOf(
        *bucket, owned ? SecretDataOf(*owned) : dataset::SecretData{});
    if (!with_keys.ok()) {
      // The provisioner tells what is wrong with the owner's Secret.
      pass.seen.env_secret_wanted =
          OwnershipOf(pass.env_secret.get(), pass.uid) == Ownership::kForeign;
      return OkStatus();
    }
    config = *std::move(with_keys);
  }
  pass.wanted_env_secret = BuildEnvSecret(
      DatasetSource{pass.object, pass.dataset, *pass.spec}, config);
  return OkStatus();
}

/// Who holds up the deletion. A live list, because a watch of all pods of the
/// cluster would cost memory for a rare question.
Status DatasetController::ObservePods(Pass& pass, Deadline deadline) {
  if (!pass.seen.being_deleted || !pass.seen.claim.being_deleted) {
    return OkStatus();
  }
  kube::ListOptions options;
  // Those that keep the claim from going, as Kubernetes sees it.
  options.field_selector =
      "status.phase!=Succeeded,status.phase!=Failed,spec.nodeName!=";
  DS_ASSIGN_OR_RETURN(
      const kube::ObjectList pods,
      client_.List(kube::kPods, pass.key.namespace_name, options, deadline));
  for (const kube::Json& pod : pods.items) {
    if (UsesClaim(pod, pass.key.name)) {
      pass.seen.pods.push_back(kube::NameOf(pod));
    }
  }
  return OkStatus();
}

Status DatasetController::Execute(DatasetStep step, Pass& pass,
                                  Deadline deadline) {
  switch (step) {
    case DatasetStep::kAddFinalizer:
      return WriteFinalizers(true, pass, deadline);
    case DatasetStep::kRemoveFinalizer:
      return WriteFinalizers(false, pass, deadline);
    case DatasetStep::kWriteConfigMap:
      return WriteChild(kube::kConfigMaps, pass.wanted_config_map,
                        pass.config_map, deadline);
    case DatasetStep::kCreateClaim:
    case DatasetStep::kUpdateClaim:
      return WriteChild(kube::kPersistentVolumeClaims, pass.wanted_claim,
                        pass.claim, deadline);
    case DatasetStep::kWriteEnvSecret:
      return WriteChild(kube::kSecrets, pass.wanted_env_secret, pass.env_secret,
                        deadline);
    case DatasetStep::kDeleteClaim:
      return DeleteChild(kube::kPersistentVolumeClaims, pass.claim, deadline);
    case DatasetStep::kDeleteConfigMap:
      return DeleteChild(kube::kConfigMaps, pass.config_map, deadline);
    case DatasetStep::kDeleteEnvSecret:
      return DeleteChild(kube::kSecrets, pass.env_secret, deadline);
  }
  return OkStatus();
}

Status DatasetController::WriteFinalizers(bool with_ours, Pass& pass,
                                          Deadline deadline) {
  kube::Json wanted = pass.object;
  if (with_ours) {
    kube::AddFinalizer(wanted, kDatasetFinalizer);
  } else {
    kube::RemoveFinalizer(wanted, kDatasetFinalizer);
  }
  const kube::Json patch = {
      {"metadata",
       {{"resourceVersion", kube::ResourceVersionOf(pass.object)},
        {"finalizers", wanted["metadata"]["finalizers"]}}}};
  auto written = client_.Patch(kDatasets, pass.key, kube::PatchType::kMerge,
                               patch, deadline);
  if (!written.ok()) {
    if (!with_ours) return IgnoreNotFound(std::move(written).error());
    return std::move(written).error();
  }
  pass.object = *std::move(written);
  return OkStatus();
}

/// Creates the object, or brings ours up to date. A foreign object that the
/// informer did not show (it carries no label of ours) ends up in `current`.
Status DatasetController::WriteChild(const kube::ResourceType& type,
                                     const kube::Json& desired,
                                     kube::ObjectPtr& current,
                                     Deadline deadline) {
  auto written =
      current == nullptr
          ? client_.Create(type, desired, deadline)
          : client_.Update(type, MergeChild(*current, desired), deadline);
  if (!written.ok()) {
    if (written.error().code != ErrorCode::kAlreadyExists) {
      return std::move(written).error();
    }
    written = client_.Get(type, kube::KeyOf(desired), deadline);
    if (!written.ok()) return std::move(written).error();
  }
  current = Share(*std::move(written));
  return OkStatus();
}

/// REQUIRES: `current` is ours. It is deleted only if it still is that object.
Status DatasetController::DeleteChild(const kube::ResourceType& type,
                                      kube::ObjectPtr& current,
                                      Deadline deadline) {
  const kube::ObjectKey key = kube::KeyOf(*current);
  DS_RETURN_IF_ERROR(IgnoreNotFound(
      client_.Delete(type, key, {.uid = kube::UidOf(*current)}, deadline)));
  DS_ASSIGN_OR_RETURN(auto left, client_.Find(type, key, deadline));
  current = left ? Share(*std::move(left)) : nullptr;
  return OkStatus();
}

Status DatasetController::WriteStatus(Pass& pass, Deadline deadline) {
  const DatasetStatus status = DescribeDataset(pass.seen);
  const std::vector<DatasetEvent> events =
      EventsFor(pass.object, status,
                pass.spec ? NotesOn(*pass.spec) : std::vector<DatasetEvent>());
  if (!SetStatus(pass.object, status, clock_.WallNow())) return OkStatus();

  const auto written = client_.UpdateStatus(kDatasets, pass.object, deadline);
  if (!written.ok()) {
    if (written.error().code == ErrorCode::kNotFound) return OkStatus();
    return written.error();
  }
  // After the write, which fails if somebody was faster: else an event would
  // be told twice.
  for (const DatasetEvent& event : events) {
    events_.Emit(
        pass.object,
        event.warning ? kube::EventType::kWarning : kube::EventType::kNormal,
        event.reason, event.message);
  }
  return OkStatus();
}

}  // namespace datashim::controllers
