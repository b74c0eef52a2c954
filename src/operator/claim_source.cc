#include "operator/claim_source.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/strings.h"
#include "dataset/dataset.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

using dataset::ObjectField;

ClaimSource Wait() {
  ClaimSource source;
  source.wait = true;
  return source;
}

ClaimSource Problem(std::string_view reason, std::string message,
                    std::optional<bool> credentials_valid = std::nullopt) {
  ClaimSource source;
  source.problem = VolumeReport{.reason = std::string(reason),
                                .message = std::move(message),
                                .credentials_valid = credentials_valid};
  return source;
}

ClaimSource SecretNotFound(const kube::ObjectKey& key, std::string_view keys) {
  return Problem(reason::kSecretNotFound,
                 "Secret " + key.ToString() +
                     " is not there; create it with the keys " +
                     std::string(keys),
                 false);
}

std::string NameOf(const ObjectField& field) {
  switch (field.kind) {
    case ObjectField::Kind::kConfigMap:
      return "ConfigMap " + field.name;
    case ObjectField::Kind::kSecret:
      return "Secret " + field.name;
    case ObjectField::Kind::kEither:
      break;
  }
  return "ConfigMap or Secret " + field.name;
}

}  // namespace

ClaimSources::ClaimSources(kube::Client& client, ClusterView& view,
                           std::string operator_namespace,
                           dataset::Policy policy)
    : client_(client),
      view_(view),
      operator_namespace_(std::move(operator_namespace)),
      policy_(std::move(policy)) {}

Result<ClaimSource> ClaimSources::Resolve(const kube::Json& claim,
                                          Deadline deadline) const {
  const kube::ObjectKey key = kube::KeyOf(claim);
  const auto owner = DatasetOwnerOf(claim);
  if (!owner) return ResolveClaimSecret(claim, deadline);
  const kube::ObjectPtr dataset =
      view_.datasets().Get({key.namespace_name, owner->name});
  if (dataset == nullptr || kube::UidOf(*dataset) != owner->uid ||
      kube::IsBeingDeleted(*dataset)) {
    return Wait();
  }
  return ResolveDataset(*dataset, claim, deadline);
}

Result<ClaimSource> ClaimSources::ResolveDataset(const kube::Json& dataset,
                                                 const kube::Json& claim,
                                                 Deadline deadline) const {
  auto parsed = dataset::ParseDataset(dataset);
  if (!parsed.ok()) return Wait();  // Its status says why.
  auto spec = dataset::Validate(*parsed, policy_);
  if (!spec.ok()) return Wait();
  if (const dataset::BucketSource* bucket = spec->bucket()) {
    return ResolveBucket(parsed->namespace_name, *bucket,
                         {.config = bucket->config,
                          .provision = bucket->provision,
                          .made_for = parsed->uid,
                          .mount_options = spec->shape.mount_options},
                         deadline);
  }
  if (spec->archive() != nullptr) {
    return ResolveArchive(*parsed, *spec, deadline);
  }
  if (spec->csi() != nullptr && spec->csi()->IsDynamic()) {
    return Problem(reason::kInvalidSpec,
                   "StorageClass " + spec->csi()->storage_class +
                       " is Datashim's own; for a bucket use the type COS");
  }
  if (!IsDescribed(claim)) return Wait();  // Made for another spec.
  ClaimSource source;
  source.spec = *std::move(spec);
  return source;
}

Result<ClaimSource> ClaimSources::ResolveBucket(
    const std::string& namespace_name, const dataset::BucketSource& source,
    BucketClaim bucket, Deadline deadline) const {
  if (!source.secret_name.empty()) {
    const kube::ObjectKey key{namespace_name, source.secret_name};
    DS_ASSIGN_OR_RETURN(const auto secret,
                        client_.Find(kube::kSecrets, key, deadline));
    if (!secret) return SecretNotFound(key, "accessKeyID and secretAccessKey");
    auto config = dataset::WithKeysOf(source, SecretDataOf(*secret));
    if (!config.ok()) {
      return Problem(reason::kSecretKeyMissing, config.error().message, false);
    }
    bucket.config = *std::move(config);
  }
  if (source.ca_bundle) {
    DS_ASSIGN_OR_RETURN(auto pem,
                        ReadField(namespace_name, *source.ca_bundle, deadline));
    if (!pem || pem->empty()) {
      return Problem(reason::kCaBundleNotFound,
                     NameOf(*source.ca_bundle) + " with the key " +
                         source.ca_bundle->key +
                         " is not there; spec.local.ca-bundle names it");
    }
    bucket.config.ca_bundle_pem = *std::move(pem);
  }
  ClaimSource resolved;
  resolved.bucket = std::move(bucket);
  return resolved;
}

/// Where the files of this version go, and what is to be unpacked there.
Result<ClaimSource> ClaimSources::ResolveArchive(
    const dataset::Dataset& dataset, const dataset::ResolvedSpec& spec,
    Deadline deadline) const {
  const dataset::ArchiveSource& archive = *spec.archive();
  BucketClaim bucket{.config = archive.target.config,
                     .provision = archive.target.provision,
                     .made_for = dataset.uid,
                     .mount_options = spec.shape.mount_options};
  auto target =
      archive.is_operators_place
          ? ResolveOperatorsPlace(dataset.uid, std::move(bucket), deadline)
          : ResolveBucket(dataset.namespace_name, archive.target,
                          std::move(bucket), deadline);
  if (!target.ok() || !target->bucket) return target;
  dataset::VolumeConfig& place = target->bucket->config;
  place.prefix =
      dataset::ArchiveRoot(place.prefix, dataset.uid) + archive.Version() + "/";
  dataset::UnpackRequest request{.url = archive.url,
                                 .format = archive.format,
                                 .extract = archive.extract,
                                 .sha256 = archive.sha256,
                                 .target = place,
                                 .origin = {}};
  if (archive.origin) {
    DS_ASSIGN_OR_RETURN(
        ClaimSource origin,
        ResolveBucket(dataset.namespace_name, *archive.origin,
                      {.config = archive.origin->config}, deadline));
    if (!origin.bucket) return origin;
    request.origin = std::move(origin.bucket->config);
  }
  target->bucket->archive = std::move(request);
  return target;
}

/// Fills in what the operator's Secret says.
Result<ClaimSource> ClaimSources::ResolveOperatorsPlace(
    const std::string& dataset_uid, BucketClaim bucket,
    Deadline deadline) const {
  const kube::ObjectKey key{operator_namespace_,
                            std::string(kArchivePlaceSecret)};
  const auto problem = [&](const std::string& why) {
    return Problem(reason::kNoPlaceForArchives,
                   "Secret " + key.ToString() +
                       ", which says where archives "
                       "are unpacked to, " +
                       why +
                       "; the administrator can mend it, or spec.local names "
                       "a bucket of yours (type: COS)");
  };
  DS_ASSIGN_OR_RETURN(const auto secret,
                      client_.Find(kube::kSecrets, key, deadline));
  if (!secret) return problem("is not there");
  // The rules of a volume's Secret, under upstream's names.
  dataset::SecretData data = SecretDataOf(*secret);
  const auto take = [&data](const char* from, const char* to) {
    if (const auto found = data.find(from); found != data.end()) {
      data.insert_or_assign(to, found->second);
    }
  };
  take("ENDPOINT", "endpoint");
  take("REGION", "region");
  take("BUCKET", "bucket");
  data.try_emplace("bucket", SecretString(dataset_uid));
  auto place = dataset::VolumeConfig::FromSecretData(data);
  if (!place.ok()) return problem("is wrong: " + place.error().message);
  if (place->endpoint.empty()) return problem("has no ENDPOINT");
  dataset::VolumeConfig& config = bucket.config;
  config.endpoint = std::move(place->endpoint);
  config.region = std::move(place->region);
  config.bucket = std::move(place->bucket);
  config.prefix = std::move(place->prefix);
  config.access_key_id = std::move(place->access_key_id);
  config.secret_access_key = std::move(place->secret_access_key);
  config.session_token = std::move(place->session_token);
  bucket.provision = true;
  ClaimSource source;
  source.bucket = std::move(bucket);
  return source;
}

/// @return nullopt if object or key is not there.
Result<std::optional<std::string>> ClaimSources::ReadField(
    const std::string& namespace_name, const ObjectField& field,
    Deadline deadline) const {
  const kube::ObjectKey key{namespace_name, field.name};
  if (field.kind != ObjectField::Kind::kSecret) {
    DS_ASSIGN_OR_RETURN(const auto config_map,
                        client_.Find(kube::kConfigMaps, key, deadline));
    if (config_map) {
      std::string value = kube::StringAt(*config_map, {"data", field.key});
      if (!value.empty() || field.kind == ObjectField::Kind::kConfigMap) {
        return std::optional(std::move(value));
      }
    }
    if (field.kind == ObjectField::Kind::kConfigMap) {
      return std::optional<std::string>();
    }
  }
  DS_ASSIGN_OR_RETURN(const auto secret,
                      client_.Find(kube::kSecrets, key, deadline));
  if (!secret) return std::optional<std::string>();
  const dataset::SecretData data = SecretDataOf(*secret);
  const auto found = data.find(field.key);
  if (found == data.end()) return std::optional<std::string>();
  return std::optional(found->second.Reveal());
}

/// A claim without a Dataset: the Secret named like it says everything, as
/// upstream's StorageClass has it.
Result<ClaimSource> ClaimSources::ResolveClaimSecret(const kube::Json& claim,
                                                     Deadline deadline) const {
  const kube::ObjectKey key = kube::KeyOf(claim);
  DS_ASSIGN_OR_RETURN(const auto secret,
                      client_.Find(kube::kSecrets, key, deadline));
  if (!secret) {
    return SecretNotFound(key,
                          "accessKeyID, secretAccessKey, endpoint and bucket");
  }
  const dataset::SecretData data = SecretDataOf(*secret);
  auto config = dataset::VolumeConfig::FromSecretData(data);
  if (!config.ok()) {
    return Problem(reason::kSecretKeyMissing,
                   "Secret " + key.ToString() + ": " + config.error().message,
                   false);
  }
  BucketClaim bucket{.config = *std::move(config),
                     .made_for = kube::UidOf(claim)};
  if (const auto it = data.find("provision"); it != data.end()) {
    bucket.provision = ParseBool(it->second.Reveal()).value_or(false);
  }
  ClaimSource source;
  source.bucket = std::move(bucket);
  return source;
}

}  // namespace datashim::controllers
