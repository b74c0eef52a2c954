#include "operator/provisioner.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "dataset/names.h"
#include "operator/described_volume.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

/// Claims that were served at once after a start do not come back at once.
Duration SpreadOver(Duration interval, const std::string& uid) {
  const auto eighth = interval / 8;
  return interval - eighth * (std::hash<std::string>{}(uid) % 100) / 100;
}

}  // namespace

Duration RetryDelay(int failures) {
  Duration delay = kRetryDelayMin;
  for (int n = 1; n < failures && delay < kRetryDelayMax; ++n) delay *= 2;
  return std::min<Duration>(delay, kRetryDelayMax);
}

Provisioner::Provisioner(kube::Client& client, ClusterView& view,
                         VolumeReports& reports, kube::EventRecorder& events,
                         ProvisionerOptions options, OnReport on_report,
                         Clock& clock)
    : client_(client),
      view_(view),
      reports_(reports),
      events_(events),
      operator_namespace_(std::move(options.operator_namespace)),
      sources_(client, view, operator_namespace_, std::move(options.policy)),
      unpacker_(client, operator_namespace_, std::move(options.workers)),
      on_report_(std::move(on_report)),
      clock_(clock) {}

Result<kube::Outcome> Provisioner::Reconcile(const kube::ObjectKey& key,
                                             Deadline deadline) {
  const kube::ObjectPtr claim = view_.claims().Get(key);
  if (claim == nullptr) return ForgetClaim(key, deadline);
  const kube::ObjectPtr storage_class = view_.ClassOf(*claim);
  if (!IsServed(*claim, storage_class.get())) {
    ReportOthers(*claim, storage_class.get());
    return kube::Outcome::Done();
  }
  DS_ASSIGN_OR_RETURN(const ClaimSource source,
                      sources_.Resolve(*claim, deadline));
  if (source.wait) return kube::Outcome::Done();
  const std::shared_ptr<Served> served = ServedOf(*claim);
  if (source.problem) return Fail(*claim, *served, *source.problem);
  return source.bucket ? ServeBucket(*claim, *source.bucket, *served, deadline)
                       : ServeDescribed(*claim, *source.spec, deadline);
}

Result<kube::Outcome> Provisioner::ServeBucket(const kube::Json& claim,
                                               const BucketClaim& bucket,
                                               Served& served,
                                               Deadline deadline) {
  const dataset::SecretData data = bucket.config.ToSecretData();
  if (const auto verdict = Verify(bucket, data, served, deadline)) {
    return Fail(claim, served,
                {.reason = verdict->reason,
                 .message = verdict->message,
                 .credentials_valid = verdict->credentials_valid});
  }
  if (bucket.archive) {
    DS_ASSIGN_OR_RETURN(const auto unfinished,
                        Unpack(claim, bucket, served, deadline));
    if (unfinished) return *unfinished;
  }
  DS_RETURN_IF_ERROR(WriteSecret(claim, data, served, deadline));
  const kube::ObjectPtr storage_class = view_.ClassOf(claim);
  if (storage_class != nullptr) {
    DS_RETURN_IF_ERROR(
        EnsureVolume(BuildVolume(claim, *storage_class,
                                 {.operator_namespace = operator_namespace_,
                                  .read_only = bucket.config.read_only,
                                  .mount_options = bucket.mount_options,
                                  .bucket_created = served.bucket_created}),
                     deadline));
  }
  if (bucket.archive && !served.workers_gone) {
    DS_RETURN_IF_ERROR(unpacker_.CleanUp(served.uid, deadline));
    served.workers_gone = true;
  }
  served.failures = 0;
  VolumeReport report{.ready = true, .revision = served.revision};
  // Else each pod finds out for itself, and an Event of the pod says so.
  if (!bucket.config.IsOpenedByPods()) report.credentials_valid = true;
  Report(claim, std::move(report));
  return kube::Outcome::RequeueAfter(
      SpreadOver(kSecretReadInterval, served.uid));
}

/// The volume Secret is what says which version is complete: it names its
/// folder only from then on. @return what to do until then; nullopt: it is.
Result<std::optional<kube::Outcome>> Provisioner::Unpack(
    const kube::Json& claim, const BucketClaim& bucket, Served& served,
    Deadline deadline) {
  const std::string uid = kube::UidOf(claim);
  served.is_archive = true;
  DS_RETURN_IF_ERROR(LoadStored(uid, served, deadline));
  const dataset::SecretData wanted = bucket.config.ToSecretData();
  const auto is_as_stored = [&](const char* key) {
    const auto stored = served.stored.find(key);
    return stored != served.stored.end() && stored->second == wanted.at(key);
  };
  const bool same_bucket = is_as_stored("endpoint") && is_as_stored("bucket");
  if (same_bucket && is_as_stored("folder")) {
    return std::optional<kube::Outcome>();
  }
  if (same_bucket) {
    // Pods still have the version before: it gets new keys as well.
    dataset::SecretData before = wanted;
    before["folder"] = served.stored.at("folder");
    DS_RETURN_IF_ERROR(WriteSecret(claim, before, served, deadline));
  }
  served.workers_gone = false;
  DS_ASSIGN_OR_RETURN(const UnpackOutcome outcome,
                      unpacker_.Reconcile(claim, *bucket.archive, deadline));
  switch (outcome.state) {
    case UnpackOutcome::State::kFailed: {
      DS_ASSIGN_OR_RETURN(
          const kube::Outcome again,
          Fail(claim, served,
               {.reason = std::string(reason::kUnpackFailed),
                .message = outcome.message +
                           "; it is tried again when the spec or the keys "
                           "change",
                .credentials_valid = true}));
      return std::optional(again);
    }
    case UnpackOutcome::State::kRunning:
      served.failures = 0;
      Report(claim, {.reason = std::string(reason::kUnpacking),
                     .message = outcome.message,
                     .credentials_valid = true,
                     .revision = served.revision});
      return std::optional(kube::Outcome::RequeueAfter(kUnpackInterval));
    case UnpackOutcome::State::kDone:
      break;
  }
  // For who looks at the Dataset, which has the claim's name.
  const kube::ObjectPtr dataset = view_.datasets().Get(kube::KeyOf(claim));
  events_.Emit(
      dataset != nullptr ? *dataset : claim, kube::EventType::kNormal,
      reason::kUnpacked,
      outcome.message.empty() ? "all files are there" : outcome.message);
  return std::optional<kube::Outcome>();
}

/// NFS, HOST and CSI by handle: the volume says it all.
Result<kube::Outcome> Provisioner::ServeDescribed(
    const kube::Json& claim, const dataset::ResolvedSpec& spec,
    Deadline deadline) {
  DS_RETURN_IF_ERROR(EnsureVolume(BuildDescribedVolume(claim, spec), deadline));
  Report(claim, {.ready = true});
  return kube::Outcome::Done();
}

/// A Dataset's claim that another driver provisions, or nobody does.
void Provisioner::ReportOthers(const kube::Json& claim,
                               const kube::Json* storage_class) {
  const std::string name = kube::StringAt(claim, {"spec", "storageClassName"});
  if (!DatasetOwnerOf(claim) || name.empty() || kube::IsBeingDeleted(claim) ||
      IsOurClass(storage_class)) {
    return;
  }
  if (storage_class == nullptr) {
    const std::string advice =
        name == kStorageClassName
            ? "it comes with the chart (storageClass.create)"
            : "the cluster's administrator makes it, or "
              "spec.local.storageClass names another one";
    Report(claim,
           {.reason = std::string(reason::kStorageClassNotFound),
            .message = "StorageClass " + name + " is not there; " + advice});
    return;
  }
  const std::string driver = kube::StringAt(*storage_class, {"provisioner"});
  const bool waits = kube::StringAt(*storage_class, {"volumeBindingMode"}) ==
                     "WaitForFirstConsumer";
  Report(claim,
         {.message = waits ? driver +
                                 " makes the volume when the first pod "
                                 "uses it (StorageClass " +
                                 name + ")"
                           : driver + " makes the volume (StorageClass " +
                                 name + ")"});
}

/// @return nullopt if the bucket can be used, by an answer of now or of late,
/// or
///     if only pods can tell.
std::optional<BucketVerdict> Provisioner::Verify(
    const BucketClaim& bucket, const dataset::SecretData& data, Served& served,
    Deadline deadline) {
  const MonotonicTime now = clock_.Now();
  if (served.verified == data && now - served.verified_at < kVerifyInterval) {
    return std::nullopt;
  }
  BucketVerdict verdict;
  if (!bucket.config.IsOpenedByPods()) {
    verdict = ProbeBucket(
        bucket.config,
        bucket.provision ? std::optional(bucket.made_for) : std::nullopt,
        deadline);
  }
  served.bucket_created |= verdict.created;
  if (!verdict.reason.empty()) return verdict;
  served.verified = data;
  served.verified_at = now;
  served.stored.clear();  // Look at the Secret again, too: it may have drifted.
  return std::nullopt;
}

/// What the volume Secret holds, if that is not known.
Status Provisioner::LoadStored(const std::string& claim_uid, Served& served,
                               Deadline deadline) {
  if (!served.stored.empty()) return OkStatus();
  DS_ASSIGN_OR_RETURN(
      const auto existing,
      client_.Find(kube::kSecrets,
                   {operator_namespace_, dataset::VolumeSecretName(claim_uid)},
                   deadline));
  if (existing) served.stored = SecretDataOf(*existing);
  return OkStatus();
}

/// Only what was verified is stored: wrong new keys leave live mounts alone.
Status Provisioner::WriteSecret(const kube::Json& claim,
                                const dataset::SecretData& data, Served& served,
                                Deadline deadline) {
  DS_RETURN_IF_ERROR(LoadStored(kube::UidOf(claim), served, deadline));
  if (served.stored == data) return OkStatus();
  const kube::Json secret = BuildVolumeSecret(claim, operator_namespace_, data);
  const bool is_change = !served.stored.empty();
  auto written = client_.Apply(kube::kSecrets, secret, {}, deadline);
  if (!written.ok()) return std::move(written).error();
  served.stored = data;
  ++served.revision;
  if (is_change) {
    events_.Emit(claim, kube::EventType::kNormal, reason::kCredentialsRotated,
                 "new keys or a new place are in effect; mounts follow within "
                 "two minutes");
  }
  return OkStatus();
}

Status Provisioner::EnsureVolume(const kube::Json& volume, Deadline deadline) {
  if (view_.volumes().Get(kube::KeyOf(volume)) != nullptr) return OkStatus();
  const auto created =
      client_.Create(kube::kPersistentVolumes, volume, deadline);
  // Its name holds the claim's uid: whatever has it was made by us.
  if (!created.ok() && created.error().code != ErrorCode::kAlreadyExists) {
    return created.error();
  }
  return OkStatus();
}

Result<kube::Outcome> Provisioner::Fail(const kube::Json& claim, Served& served,
                                        VolumeReport report) {
  report.revision = served.revision;
  served.failures = Report(claim, std::move(report)) ? 1 : served.failures + 1;
  return kube::Outcome::RequeueAfter(RetryDelay(served.failures));
}

/// @return true if it is news.
bool Provisioner::Report(const kube::Json& claim, VolumeReport report) {
  const std::string why = report.reason;
  const std::string message = report.message;
  if (!reports_.Set(kube::UidOf(claim), std::move(report))) return false;
  // Progress is for the status only.
  if (!why.empty() && why != reason::kUnpacking) {
    events_.Emit(claim, kube::EventType::kWarning, why, message);
  }
  on_report_(kube::KeyOf(claim));
  return true;
}

/// The claim is gone. Its volume, if it has one, goes through the reclaimer
/// and takes the Secret with it; a Secret alone is removed here.
Result<kube::Outcome> Provisioner::ForgetClaim(const kube::ObjectKey& key,
                                               Deadline deadline) {
  std::shared_ptr<Served> served;
  {
    const std::lock_guard lock(mutex_);
    const auto it = served_.find(key);
    if (it == served_.end()) return kube::Outcome::Done();
    served = it->second;
  }
  const std::string& uid = served->uid;
  DS_ASSIGN_OR_RETURN(const auto volume,
                      client_.Find(kube::kPersistentVolumes,
                                   {"", dataset::VolumeName(uid)}, deadline));
  if (served->is_archive && !served->workers_gone) {
    DS_ASSIGN_OR_RETURN(const bool is_done,
                        unpacker_.Forget(uid, volume.has_value(), deadline));
    if (!is_done) return kube::Outcome::RequeueAfter(kUnpackInterval);
  }
  if (!volume) {
    const Status deleted = client_.Delete(
        kube::kSecrets, {operator_namespace_, dataset::VolumeSecretName(uid)},
        {}, deadline);
    if (!deleted.ok() && deleted.error().code != ErrorCode::kNotFound) {
      return deleted.error();
    }
  }
  reports_.Erase(uid);
  const std::lock_guard lock(mutex_);
  served_.erase(key);
  return kube::Outcome::Done();
}

Status Provisioner::SweepWorkers(Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const kube::ObjectList secrets,
                      unpacker_.ListSecrets(deadline));
  for (const kube::Json& secret : secrets.items) {
    const std::string uid = kube::AnnotationOf(secret, kClaimUidAnnotation);
    const std::string claim_name = kube::AnnotationOf(secret, kClaimAnnotation);
    const auto slash = claim_name.find('/');
    if (uid.empty() || slash == std::string::npos) continue;
    const kube::ObjectKey key{claim_name.substr(0, slash),
                              claim_name.substr(slash + 1)};
    // Live, because a copy that lags would cost a Dataset its worker.
    DS_ASSIGN_OR_RETURN(
        const auto claim,
        client_.Find(kube::kPersistentVolumeClaims, key, deadline));
    if (claim && kube::UidOf(*claim) == uid) continue;
    DS_ASSIGN_OR_RETURN(const auto volume,
                        client_.Find(kube::kPersistentVolumes,
                                     {"", dataset::VolumeName(uid)}, deadline));
    // What is left is for the next sweep.
    const auto forgotten = unpacker_.Forget(uid, volume.has_value(), deadline);
    if (!forgotten.ok()) {
      log::Warn("what a worker left cannot be removed yet",
                {{"claim", claim_name}, {"error", forgotten.error().message}});
    }
  }
  return OkStatus();
}

/// A claim made anew under an old name (another uid) starts from nothing.
std::shared_ptr<Provisioner::Served> Provisioner::ServedOf(
    const kube::Json& claim) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Served>& served = served_[kube::KeyOf(claim)];
  const std::string uid = kube::UidOf(claim);
  if (served == nullptr || served->uid != uid) {
    served = std::make_shared<Served>();
    served->uid = uid;
  }
  return served;
}

}  // namespace datashim::controllers
