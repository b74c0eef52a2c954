#include "operator/dataset_plan.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "operator/names.h"

namespace datashim::controllers {
namespace {

constexpr std::string_view kPending = "Pending";
constexpr std::string_view kOk = "OK";
constexpr std::string_view kFailed = "Failed";

bool IsOurs(const ChildObservation& child) {
  return child.ownership == Ownership::kOurs;
}

bool NeedsWrite(const ChildObservation& child) {
  if (child.being_deleted) return false;
  return child.ownership == Ownership::kAbsent ||
         (IsOurs(child) && !child.current);
}

/// The kind of the foreign object that is in the way; empty if none is.
std::string_view ConflictKind(const DatasetObservation& seen) {
  if (seen.claim.ownership == Ownership::kForeign) {
    return "PersistentVolumeClaim";
  }
  if (seen.config_map_wanted &&
      seen.config_map.ownership == Ownership::kForeign) {
    return "ConfigMap";
  }
  if (seen.env_secret_wanted &&
      seen.env_secret.ownership == Ownership::kForeign) {
    return "Secret";
  }
  return {};
}

std::optional<DatasetStep> NextDeletionStep(const DatasetObservation& seen) {
  if (!seen.has_finalizer) return std::nullopt;
  if (IsOurs(seen.claim)) {
    if (!seen.claim.being_deleted) return DatasetStep::kDeleteClaim;
    return std::nullopt;  // Kubernetes keeps it while pods use it.
  }
  if (seen.volume_exists) return std::nullopt;
  if (IsOurs(seen.config_map) && !seen.config_map.being_deleted) {
    return DatasetStep::kDeleteConfigMap;
  }
  if (IsOurs(seen.env_secret) && !seen.env_secret.being_deleted) {
    return DatasetStep::kDeleteEnvSecret;
  }
  return DatasetStep::kRemoveFinalizer;
}

/// The verdict that the strings and the Ready condition share.
struct Verdict {
  std::string_view provision;
  std::string reason;
  std::string message;
};

Verdict JudgeDeletion(const DatasetObservation& seen) {
  if (!seen.pods.empty()) {
    return {kPending, std::string(reason::kInUse),
            "waiting for pods that use it: " + NamePods(seen.pods)};
  }
  if (seen.removal && !seen.claim.being_deleted) {
    return {kPending, seen.removal->reason, seen.removal->message};
  }
  return {kPending, std::string(reason::kDeleting),
          std::string("claim and volume are being deleted; the data ") +
              (seen.removes_data ? "goes with them" : "stays")};
}

Verdict JudgeClaim(const DatasetObservation& seen) {
  const ClaimObservation& claim = seen.claim;
  if (claim.being_deleted) {
    return {kPending, std::string(reason::kClaimDeleted),
            "PersistentVolumeClaim " + seen.name +
                " was deleted; it is made again when no pod uses it any more"};
  }
  if (IsOurs(claim) && claim.phase == ClaimPhase::kLost) {
    return {kFailed, std::string(reason::kClaimLost),
            "PersistentVolumeClaim " + seen.name +
                " lost its volume; delete the claim to get a new one"};
  }
  if (seen.report && !seen.report->reason.empty()) {
    return {kPending, seen.report->reason, seen.report->message};
  }
  if (IsOurs(claim) && claim.phase == ClaimPhase::kBound) {
    return {kOk, std::string(reason::kBound), ""};
  }
  if (seen.report && seen.report->ready) {
    return {kPending, std::string(reason::kBinding),
            "the volume is made; Kubernetes binds the claim to it"};
  }
  return {kPending, std::string(reason::kProvisioning),
          seen.report && !seen.report->message.empty()
              ? seen.report->message
              : "the volume is being made"};
}

Verdict Judge(const DatasetObservation& seen) {
  if (seen.being_deleted) return JudgeDeletion(seen);
  if (seen.spec_problem) {
    return {kFailed, std::string(reason::kInvalidSpec), *seen.spec_problem};
  }
  if (const std::string_view kind = ConflictKind(seen); !kind.empty()) {
    return {kFailed, std::string(reason::kNameConflict),
            std::string(kind) + " " + seen.name +
                " exists and does not belong to this Dataset; delete or "
                "rename it, or give the Dataset another name"};
  }
  return JudgeClaim(seen);
}

bool IsProgress(std::string_view what) {
  return what == reason::kProvisioning || what == reason::kBinding ||
         what == reason::kDeleting || what == reason::kBound ||
         what == reason::kRemovingData || what == reason::kUnpacking;
}

/// The condition of that type in dataset.status; null if it has none.
const kube::Json* FindCondition(const kube::Json& dataset,
                                std::string_view type) {
  const kube::Json* conditions = kube::Field(dataset, {"status", "conditions"});
  if (conditions == nullptr || !conditions->is_array()) return nullptr;
  for (const kube::Json& condition : *conditions) {
    if (kube::StringAt(condition, {"type"}) == type) return &condition;
  }
  return nullptr;
}

bool SetText(kube::Json& dataset, const char* group, const char* key,
             std::string_view text) {
  kube::Json& value = dataset["status"][group][key];
  if (value.is_string() && value.get_ref<const std::string&>() == text) {
    return false;
  }
  value = text;
  return true;
}

/// InUse is only shown while it is true, or was.
bool IsShown(const kube::Json& dataset, const kube::Condition& condition) {
  return condition.type != reason::kInUse || condition.status ||
         FindCondition(dataset, condition.type) != nullptr;
}

}  // namespace

std::optional<DatasetStep> NextStep(const DatasetObservation& seen) {
  if (seen.being_deleted) return NextDeletionStep(seen);
  // A broken spec or a foreign object stops everything, so that no half of a
  // Dataset appears; what is there already stays for the pods that use it.
  if (seen.spec_problem || !ConflictKind(seen).empty()) return std::nullopt;
  if (!seen.has_finalizer) return DatasetStep::kAddFinalizer;
  if (seen.config_map_wanted && NeedsWrite(seen.config_map)) {
    return DatasetStep::kWriteConfigMap;
  }
  if (NeedsWrite(seen.claim)) {
    return IsOurs(seen.claim) ? DatasetStep::kUpdateClaim
                              : DatasetStep::kCreateClaim;
  }
  if (seen.env_secret_wanted && NeedsWrite(seen.env_secret)) {
    return DatasetStep::kWriteEnvSecret;
  }
  return std::nullopt;
}

DatasetStatus DescribeDataset(const DatasetObservation& seen) {
  const Verdict verdict = Judge(seen);
  const auto condition = [&](std::string_view type, bool status,
                             std::string_view why, std::string message) {
    return kube::Condition{.type = std::string(type),
                           .status = status,
                           .reason = std::string(why),
                           .message = std::move(message),
                           .observed_generation = seen.generation};
  };

  DatasetStatus status;
  status.provision = verdict.provision;
  status.provision_info = verdict.message;
  status.conditions.push_back(condition("Ready", verdict.provision == kOk,
                                        verdict.reason, verdict.message));
  const bool bound =
      IsOurs(seen.claim) && seen.claim.phase == ClaimPhase::kBound;
  status.conditions.push_back(
      condition("Provisioned", bound,
                bound ? std::string(reason::kBound) : verdict.reason,
                bound ? "volume " + seen.claim.volume_name : verdict.message));
  if (seen.report && seen.report->credentials_valid) {
    const bool valid = *seen.report->credentials_valid;
    status.conditions.push_back(condition(
        "CredentialsValid", valid,
        valid ? std::string(reason::kCredentialsValid) : seen.report->reason,
        valid ? "the store took the keys" : seen.report->message));
  }
  const bool in_use = !seen.pods.empty();
  status.conditions.push_back(condition(
      reason::kInUse, in_use, in_use ? reason::kInUse : reason::kNotInUse,
      in_use ? "used by pods " + NamePods(seen.pods) : ""));
  return status;
}

std::vector<DatasetEvent> NotesOn(const dataset::ResolvedSpec& spec) {
  std::vector<DatasetEvent> notes;
  const bool inline_keys =
      (spec.bucket() != nullptr && spec.bucket()->HasInlineKeys()) ||
      (spec.archive() != nullptr && spec.archive()->target.HasInlineKeys());
  if (inline_keys) {
    notes.push_back(
        {true, std::string(reason::kInlineCredentials),
         "inline credentials are visible to everyone who can read the "
         "Dataset; put them into a Secret and use secret-name"});
  }
  for (const std::string& warning : spec.warnings) {
    notes.push_back({true, std::string(reason::kSpecWarning), warning});
  }
  return notes;
}

std::vector<DatasetEvent> EventsFor(const kube::Json& dataset,
                                    const DatasetStatus& next,
                                    const std::vector<DatasetEvent>& notes) {
  std::vector<DatasetEvent> events;
  const kube::Json* before = FindCondition(dataset, "Ready");
  const kube::Condition& ready = next.ready();

  const kube::Json* generation =
      before == nullptr ? nullptr
                        : kube::Field(*before, {"observedGeneration"});
  const bool new_generation =
      generation == nullptr || *generation != ready.observed_generation;
  if (new_generation) events = notes;

  if (before != nullptr &&
      kube::StringAt(*before, {"reason"}) == ready.reason &&
      kube::StringAt(*before, {"message"}) == ready.message) {
    return events;
  }
  if (ready.status) {
    events.push_back(
        {false, ready.reason, "the claim is bound; pods can use the Dataset"});
  } else if (!IsProgress(ready.reason)) {
    events.push_back({true, ready.reason, ready.message});
  }
  return events;
}

bool SetStatus(kube::Json& dataset, const DatasetStatus& status, WallTime now) {
  bool changed = SetText(dataset, "provision", "status", status.provision);
  changed |= SetText(dataset, "provision", "info", status.provision_info);
  changed |= SetText(dataset, "caching", "status", "Disabled");
  changed |=
      SetText(dataset, "caching", "info", "No caching plugins are installed");
  for (const kube::Condition& condition : status.conditions) {
    if (!IsShown(dataset, condition)) continue;
    changed |= kube::SetCondition(dataset, condition, now);
  }
  return changed;
}

std::optional<Duration> LookAgainAfter(const DatasetObservation& seen) {
  if (seen.being_deleted) {
    return seen.has_finalizer ? std::optional<Duration>(kInUseInterval)
                              : std::nullopt;
  }
  // Foreign objects carry no label of ours, so no informer tells their end.
  if (!ConflictKind(seen).empty()) return kConflictInterval;
  return std::nullopt;
}

std::string NamePods(const std::vector<std::string>& pods) {
  if (pods.size() <= kPodsNamedMax) return Join(pods, ", ");
  const std::vector<std::string> named(pods.begin(),
                                       pods.begin() + kPodsNamedMax);
  return Join(named, ", ") + " and " +
         std::to_string(pods.size() - kPodsNamedMax) + " more";
}

}  // namespace datashim::controllers
