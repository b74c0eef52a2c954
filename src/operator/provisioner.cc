#include "operator/provisioner.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "dataset/dataset.h"
#include "dataset/names.h"
#include "dataset/validation.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

VolumeReport Problem(std::string_view reason, std::string message,
                     std::optional<bool> credentials_valid = std::nullopt) {
  return {.reason = std::string(reason),
          .message = std::move(message),
          .credentials_valid = credentials_valid};
}

VolumeReport SecretNotFound(const kube::ObjectKey& key) {
  return Problem(reason::kSecretNotFound,
                 "Secret " + key.ToString() +
                     " is not there; create it with the keys accessKeyID and "
                     "secretAccessKey",
                 false);
}

/// Claims that were served at once after a start do not come back at once.
Duration SpreadOver(Duration interval, const std::string& uid) {
  const auto eighth = interval / 8;
  return interval - eighth * (std::hash<std::string>{}(uid) % 100) / 100;
}

}  // namespace

struct Provisioner::Source {
  /// Set: there is nothing to serve yet, and nothing to say; some event will
  /// bring the claim back.
  bool wait = false;
  /// Set: why not.
  std::optional<VolumeReport> problem;
  dataset::VolumeConfig config;
  bool provision = false;

  static Source Wait() {
    Source source;
    source.wait = true;
    return source;
  }
};

Duration RetryDelay(int failures) {
  Duration delay = kRetryDelayMin;
  for (int n = 1; n < failures && delay < kRetryDelayMax; ++n) delay *= 2;
  return std::min<Duration>(delay, kRetryDelayMax);
}

Provisioner::Provisioner(kube::Client& client, ClusterView& view,
                         VolumeReports& reports, kube::EventRecorder& events,
                         std::string operator_namespace, OnReport on_report,
                         Clock& clock)
    : client_(client),
      view_(view),
      reports_(reports),
      events_(events),
      operator_namespace_(std::move(operator_namespace)),
      on_report_(std::move(on_report)),
      clock_(clock) {}

Result<kube::Outcome> Provisioner::Reconcile(const kube::ObjectKey& key,
                                             Deadline deadline) {
  const kube::ObjectPtr claim = view_.claims().Get(key);
  if (claim == nullptr) {
    DS_RETURN_IF_ERROR(ForgetClaim(key, deadline));
    return kube::Outcome::Done();
  }
  const kube::ObjectPtr storage_class = view_.ClassOf(*claim);
  if (!IsServed(*claim, storage_class.get())) return kube::Outcome::Done();

  DS_ASSIGN_OR_RETURN(const Source source, Resolve(*claim, deadline));
  if (source.wait) return kube::Outcome::Done();
  const std::shared_ptr<Served> served = ServedOf(*claim);
  if (source.problem) return Fail(*claim, *served, *source.problem);

  const dataset::SecretData data = source.config.ToSecretData();
  if (const auto verdict = Verify(source, data, *served, deadline)) {
    return Fail(
        *claim, *served,
        Problem(verdict->reason, verdict->message, verdict->credentials_valid));
  }
  DS_RETURN_IF_ERROR(WriteSecret(*claim, data, *served, deadline));
  DS_RETURN_IF_ERROR(EnsureVolume(*claim, source, *served, deadline));
  served->failures = 0;
  Report(
      *claim,
      {.ready = true, .credentials_valid = true, .revision = served->revision});
  return kube::Outcome::RequeueAfter(
      SpreadOver(kSecretReadInterval, served->uid));
}

Result<Provisioner::Source> Provisioner::Resolve(const kube::Json& claim,
                                                 Deadline deadline) {
  const kube::ObjectKey key = kube::KeyOf(claim);
  const auto owner = DatasetOwnerOf(claim);
  if (!owner) return ResolveClaimSecret(key, deadline);
  const kube::ObjectPtr dataset =
      view_.datasets().Get({key.namespace_name, owner->name});
  if (dataset == nullptr || kube::UidOf(*dataset) != owner->uid ||
      kube::IsBeingDeleted(*dataset)) {
    return Source::Wait();
  }
  return ResolveDataset(*dataset, deadline);
}

Result<Provisioner::Source> Provisioner::ResolveDataset(
    const kube::Json& dataset, Deadline deadline) {
  auto parsed = dataset::ParseDataset(dataset);
  if (!parsed.ok()) return Source::Wait();  // Its status says why.
  auto spec = dataset::Validate(*parsed);
  if (!spec.ok()) return Source::Wait();

  Source source;
  source.provision = spec->provision;
  if (spec->secret_name.empty()) {
    source.config = spec->config;
    return source;
  }
  const kube::ObjectKey key{parsed->namespace_name, spec->secret_name};
  DS_ASSIGN_OR_RETURN(const auto secret,
                      client_.Find(kube::kSecrets, key, deadline));
  if (!secret) {
    source.problem = SecretNotFound(key);
    return source;
  }
  auto config = dataset::WithKeysOf(*spec, SecretDataOf(*secret));
  if (!config.ok()) {
    source.problem =
        Problem(reason::kSecretKeyMissing, config.error().message, false);
    return source;
  }
  source.config = *std::move(config);
  return source;
}

/// A claim without a Dataset: the Secret named like it says everything, as
/// upstream's StorageClass has it.
Result<Provisioner::Source> Provisioner::ResolveClaimSecret(
    const kube::ObjectKey& key, Deadline deadline) {
  Source source;
  DS_ASSIGN_OR_RETURN(const auto secret,
                      client_.Find(kube::kSecrets, key, deadline));
  if (!secret) {
    source.problem = SecretNotFound(key);
    source.problem->message += ", endpoint and bucket";
    return source;
  }
  const dataset::SecretData data = SecretDataOf(*secret);
  auto config = dataset::VolumeConfig::FromSecretData(data);
  if (!config.ok()) {
    source.problem = Problem(
        reason::kSecretKeyMissing,
        "Secret " + key.ToString() + ": " + config.error().message, false);
    return source;
  }
  source.config = *std::move(config);
  if (const auto it = data.find("provision"); it != data.end()) {
    source.provision = ParseBool(it->second.Reveal()).value_or(false);
  }
  return source;
}

/// @return nullopt if the bucket can be used, by an answer of now or of late.
std::optional<BucketVerdict> Provisioner::Verify(
    const Source& source, const dataset::SecretData& data, Served& served,
    Deadline deadline) {
  const MonotonicTime now = clock_.Now();
  if (served.verified == data && now - served.verified_at < kVerifyInterval) {
    return std::nullopt;
  }
  BucketVerdict verdict =
      ProbeBucket(source.config, source.provision, deadline);
  served.bucket_created |= verdict.created;
  if (!verdict.reason.empty()) return verdict;
  served.verified = data;
  served.verified_at = now;
  served.stored.clear();  // Look at the Secret again, too: it may have drifted.
  return std::nullopt;
}

/// Only what was verified is stored: wrong new keys leave live mounts alone.
Status Provisioner::WriteSecret(const kube::Json& claim,
                                const dataset::SecretData& data, Served& served,
                                Deadline deadline) {
  if (served.stored == data) return OkStatus();
  const kube::Json secret = BuildVolumeSecret(claim, operator_namespace_, data);
  const bool is_first = served.stored.empty();
  if (is_first) {
    DS_ASSIGN_OR_RETURN(
        const auto existing,
        client_.Find(kube::kSecrets, kube::KeyOf(secret), deadline));
    if (existing) served.stored = SecretDataOf(*existing);
    if (served.stored == data) return OkStatus();
  }
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

Status Provisioner::EnsureVolume(const kube::Json& claim, const Source& source,
                                 const Served& served, Deadline deadline) {
  if (view_.volumes().Get({"", dataset::VolumeName(served.uid)}) != nullptr) {
    return OkStatus();
  }
  const kube::ObjectPtr storage_class = view_.ClassOf(claim);
  if (storage_class == nullptr) return OkStatus();
  const auto created =
      client_.Create(kube::kPersistentVolumes,
                     BuildVolume(claim, *storage_class,
                                 {.operator_namespace = operator_namespace_,
                                  .read_only = source.config.read_only,
                                  .bucket_created = served.bucket_created}),
                     deadline);
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
  if (!why.empty()) {
    events_.Emit(claim, kube::EventType::kWarning, why, message);
  }
  on_report_(kube::KeyOf(claim));
  return true;
}

/// The claim is gone. Its volume, if it has one, goes through the reclaimer
/// and takes the Secret with it; a Secret alone is removed here.
Status Provisioner::ForgetClaim(const kube::ObjectKey& key, Deadline deadline) {
  std::string uid;
  {
    const std::lock_guard lock(mutex_);
    const auto it = served_.find(key);
    if (it == served_.end()) return OkStatus();
    uid = it->second->uid;
  }
  DS_ASSIGN_OR_RETURN(const auto volume,
                      client_.Find(kube::kPersistentVolumes,
                                   {"", dataset::VolumeName(uid)}, deadline));
  if (!volume) {
    const Status deleted = client_.Delete(
        kube::kSecrets, {operator_namespace_, dataset::VolumeSecretName(uid)},
        {}, deadline);
    if (!deleted.ok() && deleted.error().code != ErrorCode::kNotFound) {
      return deleted;
    }
  }
  reports_.Erase(uid);
  const std::lock_guard lock(mutex_);
  served_.erase(key);
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
