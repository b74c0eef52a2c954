#include "operator/data_remover.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "dataset/names.h"
#include "dataset/place.h"
#include "dataset/unpack_request.h"
#include "dataset/validation.h"
#include "operator/names.h"
#include "operator/volume_plan.h"
#include "s3/prefix_eraser.h"
#include "volume/bucket_client.h"
#include "volume/volume_credentials.h"

namespace datashim::controllers {
namespace {

constexpr std::chrono::seconds kConnectTimeout{2};

std::string Describe(const dataset::VolumeConfig& config) {
  return "bucket " + config.bucket +
         (config.prefix.empty() ? std::string() : ", folder " + config.prefix) +
         " at " + config.endpoint;
}

Result<std::shared_ptr<s3::S3Client>> MakeClient(
    const dataset::VolumeConfig& config) {
  s3::S3Config s3_config = volume::S3ConfigOf(config);
  s3_config.connections_max = 1;
  s3_config.connect_timeout = kConnectTimeout;
  DS_ASSIGN_OR_RETURN(auto credentials,
                      volume::VolumeCredentials::Make(config));
  return s3::S3Client::Make(s3_config, std::move(credentials));
}

}  // namespace

struct DataRemover::Removal {
  const kube::Json& volume;
  kube::ObjectPtr dataset;
  std::string claim_uid;
  dataset::VolumeConfig config;
  std::string other_user = {};         ///< Of the same data; empty: nobody.
  bool bucket_has_other_user = false;  ///< Of any part of the bucket.
};

DataRemover::DataRemover(kube::Client& client, ClusterView& view,
                         VolumeReports& removals, kube::EventRecorder& events,
                         std::string operator_namespace,
                         std::function<void(const kube::ObjectKey&)> on_report)
    : client_(client),
      view_(view),
      removals_(removals),
      events_(events),
      operator_namespace_(std::move(operator_namespace)),
      on_report_(std::move(on_report)) {}

/// The volume's Dataset if it is being deleted and wants its data to go; else
/// null.
kube::ObjectPtr DataRemover::DatasetOf(const kube::Json& volume) const {
  const std::string claim = kube::AnnotationOf(volume, kClaimAnnotation);
  const auto slash = claim.find('/');
  if (slash == std::string::npos) return nullptr;
  kube::ObjectPtr dataset =
      view_.datasets().Get({claim.substr(0, slash), claim.substr(slash + 1)});
  if (dataset == nullptr || !kube::IsBeingDeleted(*dataset) ||
      kube::UidOf(*dataset) !=
          kube::AnnotationOf(volume, kDatasetUidAnnotation)) {
    return nullptr;
  }
  const auto parsed = dataset::ParseDataset(*dataset);
  return parsed.ok() && dataset::RemovesOnDelete(*parsed) ? dataset : nullptr;
}

Result<bool> DataRemover::Remove(const kube::Json& volume, Deadline deadline) {
  if (kube::StringAt(volume, {"spec", "csi", "driver"}) != kDriverName) {
    return true;
  }
  Removal removal{.volume = volume,
                  .dataset = DatasetOf(volume),
                  .claim_uid = kube::AnnotationOf(volume, kClaimUidAnnotation),
                  .config = {}};
  if (removal.dataset == nullptr) {
    removals_.Erase(removal.claim_uid);
    return true;
  }
  DS_ASSIGN_OR_RETURN(const bool may_start, Start(removal, deadline));
  if (!may_start) return true;
  Result<bool> erased = Erase(removal, deadline);
  if (erased.ok() && *erased) {
    if (Status done = Finish(removal, deadline); !done.ok()) {
      erased = std::move(done).error();
    }
  }
  if (!erased.ok()) {
    Report(removal,
           {.reason = std::string(reason::kRemovalFailed),
            .message = "the data cannot be removed: " + erased.error().message +
                       "; to keep it, set the label remove-on-delete=false"});
  }
  return erased;
}

/// @return whether there is data to remove that nobody else uses.
Result<bool> DataRemover::Start(Removal& removal, Deadline deadline) {
  DS_ASSIGN_OR_RETURN(
      const auto secret,
      client_.Find(
          kube::kSecrets,
          {operator_namespace_, dataset::VolumeSecretName(removal.claim_uid)},
          deadline));
  if (!secret) {
    Keep(removal, "the Secret that says where it is has gone");
    return false;
  }
  auto config = dataset::VolumeConfig::FromSecretData(SecretDataOf(*secret));
  if (!config.ok()) {
    Keep(removal, config.error().message);
    return false;
  }
  removal.config = *std::move(config);
  const bool is_archive =
      kube::StringAt(*removal.dataset, {"spec", "type"}) == "ARCHIVE";
  if (is_archive) {
    // All versions; they are read-only for pods, and ours.
    removal.config.prefix = dataset::ArchiveRootOf(removal.config.prefix);
  } else if (removal.config.read_only) {
    Keep(removal, "the Dataset is read-only");
    return false;
  }
  DS_RETURN_IF_ERROR(FindOthers(removal, deadline));
  if (!removal.other_user.empty()) {
    Keep(removal, removal.other_user + " uses it as well");
    return false;
  }
  return true;
}

/// Datasets by what they say, so that one that is not provisioned yet counts;
/// volume Secrets for claims without a Dataset and for places that a Dataset
/// had before. A Dataset that is being deleted counts as long as it has a
/// volume, so that of two only the last one takes the data with it.
Status DataRemover::FindOthers(Removal& removal, Deadline deadline) const {
  const auto note = [&removal](const dataset::VolumeConfig& config,
                               const std::string& who) {
    if (!dataset::ShareBucket(config, removal.config)) return;
    removal.bucket_has_other_user = true;
    if (dataset::ShareData(config, removal.config)) removal.other_user = who;
  };
  const std::string uid = kube::UidOf(*removal.dataset);
  // Live, because a Dataset of a moment ago counts.
  DS_ASSIGN_OR_RETURN(const kube::ObjectList datasets,
                      client_.List(kDatasets, "", {}, deadline));
  for (const kube::Json& other : datasets.items) {
    if (kube::UidOf(other) == uid) continue;
    const auto parsed = dataset::ParseDataset(other);
    if (!parsed.ok()) continue;
    const auto spec = dataset::Validate(*parsed);
    if (!spec.ok()) continue;
    std::optional<dataset::VolumeConfig> place;
    if (spec->bucket() != nullptr) place = spec->bucket()->config;
    if (spec->archive() != nullptr && !spec->archive()->is_operators_place) {
      place = spec->archive()->target.config;
      place->prefix = dataset::ArchiveRoot(place->prefix, parsed->uid);
    }
    if (!place) continue;
    DS_ASSIGN_OR_RETURN(const bool is_gone, IsGone(*parsed, deadline));
    if (is_gone) continue;
    note(*place, "Dataset " + kube::KeyOf(other).ToString());
  }
  kube::ListOptions options;
  options.label_selector = std::string(kVolumeSecretLabel) + "=true";
  DS_ASSIGN_OR_RETURN(
      const kube::ObjectList secrets,
      client_.List(kube::kSecrets, operator_namespace_, options, deadline));
  for (const kube::Json& secret : secrets.items) {
    if (kube::AnnotationOf(secret, kClaimUidAnnotation) == removal.claim_uid) {
      continue;
    }
    const auto config =
        dataset::VolumeConfig::FromSecretData(SecretDataOf(secret));
    if (config.ok()) {
      note(*config, "PersistentVolumeClaim " +
                        kube::AnnotationOf(secret, kClaimAnnotation));
    }
  }
  return OkStatus();
}

/// True for a Dataset that is being deleted and has no volume any more.
Result<bool> DataRemover::IsGone(const dataset::Dataset& other,
                                 Deadline deadline) const {
  if (!other.being_deleted) return false;
  for (const auto& volume : view_.volumes().ByIndex(kDatasetIndex, other.uid)) {
    DS_ASSIGN_OR_RETURN(
        const auto live,
        client_.Find(kube::kPersistentVolumes, kube::KeyOf(*volume), deadline));
    if (live) return false;
  }
  return true;
}

/// @return true when nothing is left, false when there is more to do.
Result<bool> DataRemover::Erase(Removal& removal, Deadline deadline) {
  const auto slice = Deadline::After(kRemovalSlice);
  DS_ASSIGN_OR_RETURN(const auto client, MakeClient(removal.config));
  s3::PrefixEraser eraser(client, removal.config.bucket, removal.config.prefix);
  std::uint64_t& removed = removed_[removal.claim_uid];
  while (!slice.HasPassed()) {
    const auto step = eraser.Step(deadline);
    if (!step.ok()) {
      // The bucket has gone, and the data with it.
      if (step.error().code == ErrorCode::kNotFound) return true;
      return step.error();
    }
    if (step->done) return true;
    removed += step->removed;
  }
  Report(removal,
         {.reason = std::string(reason::kRemovingData),
          .message = "the data is being removed: " + std::to_string(removed) +
                     " objects and versions are gone"});
  return false;
}

/// Removes the bucket if we made it, and tells that the data is gone.
Status DataRemover::Finish(Removal& removal, Deadline deadline) {
  std::string bucket_too;
  DS_ASSIGN_OR_RETURN(const auto client, MakeClient(removal.config));
  const std::string& bucket = removal.config.bucket;
  const auto maker =
      client->BucketTag(bucket, std::string(kMadeForTag), deadline);
  const bool is_ours =
      kube::AnnotationOf(removal.volume, kBucketCreatedAnnotation) == "true" ||
      (maker.ok() && *maker == kube::UidOf(*removal.dataset));
  if (is_ours && !removal.bucket_has_other_user) {
    const Status deleted = client->DeleteBucket(bucket, deadline);
    // What else is in it is not the Dataset's.
    const bool is_in_use =
        !deleted.ok() && deleted.error().code == ErrorCode::kFailedPrecondition;
    if (!deleted.ok() && !is_in_use) return deleted;
    if (!is_in_use) bucket_too = " and the bucket, which was made for it";
  }
  events_.Emit(*removal.dataset, kube::EventType::kNormal, reason::kDataRemoved,
               std::to_string(removed_[removal.claim_uid]) +
                   " objects and versions are removed from " +
                   Describe(removal.config) + bucket_too);
  removals_.Erase(removal.claim_uid);
  removed_.erase(removal.claim_uid);
  return OkStatus();
}

void DataRemover::Report(const Removal& removal, VolumeReport report) {
  if (removals_.Set(removal.claim_uid, std::move(report))) {
    on_report_(kube::KeyOf(*removal.dataset));
  }
}

void DataRemover::Keep(const Removal& removal, const std::string& why) {
  removals_.Erase(removal.claim_uid);
  removed_.erase(removal.claim_uid);
  events_.Emit(*removal.dataset, kube::EventType::kWarning, reason::kDataKept,
               "the data stays although remove-on-delete is set: " + why);
}

}  // namespace datashim::controllers
