#include "csi/requests.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/strings.h"
#include "dataset/volume_options.h"

namespace datashim::csi {
namespace {

using ::csi::v1::VolumeCapability;

Error Invalid(std::string_view field, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          std::string(field) + " " + std::string(why)};
}

bool HasFlag(const VolumeCapability& capability, std::string_view flag) {
  const auto& flags = capability.mount().mount_flags();
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

/// The value of a key; empty if it is absent.
std::string ValueOf(const google::protobuf::Map<std::string, std::string>& map,
                    const char* key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string() : found->second;
}

/// Tokens are in the context, or (Kubernetes 1.35, if asked) among the secrets.
Result<dataset::PodIdentity> ToPodIdentity(
    const ::csi::v1::NodePublishVolumeRequest& request) {
  dataset::PodIdentity pod;
  pod.namespace_name =
      ValueOf(request.volume_context(), dataset::kPodNamespaceKey);
  pod.service_account =
      ValueOf(request.volume_context(), dataset::kServiceAccountKey);
  SecretString tokens(ValueOf(request.volume_context(), dataset::kTokensKey));
  if (tokens.empty()) {
    tokens = SecretString(ValueOf(request.secrets(), dataset::kTokensKey));
  }
  DS_ASSIGN_OR_RETURN(pod.tokens, dataset::ParsePodTokens(tokens));
  return pod;
}

}  // namespace

Status CheckId(const char* field, const std::string& id) {
  if (id.empty()) return Invalid(field, "is missing");
  if (id.size() > kIdBytesMax) {
    return Invalid(field,
                   "has more than " + std::to_string(kIdBytesMax) + " bytes");
  }
  return OkStatus();
}

Status CheckPath(const char* field, const std::string& path) {
  if (path.empty()) return Invalid(field, "is missing");
  if (path.size() > kPathBytesMax) {
    return Invalid(field,
                   "has more than " + std::to_string(kPathBytesMax) + " bytes");
  }
  if (path.front() != '/' || path.find('\0') != std::string::npos) {
    return Invalid(field, "is not an absolute path");
  }
  return OkStatus();
}

Status CheckCapability(const VolumeCapability& capability) {
  if (capability.has_block()) {
    return Invalid("volume_capability",
                   "asks for a block device; a bucket can only be mounted");
  }
  if (!capability.has_mount()) {
    return Invalid("volume_capability", "has no access type");
  }
  const auto mode = capability.access_mode().mode();
  if (mode == VolumeCapability::AccessMode::UNKNOWN ||
      !VolumeCapability::AccessMode::Mode_IsValid(mode)) {
    return Invalid("volume_capability", "has no known access mode");
  }
  for (const std::string& flag : capability.mount().mount_flags()) {
    const auto& known = dataset::kBucketMountOptions;
    if (std::find(std::begin(known), std::end(known), flag) ==
        std::end(known)) {
      return Invalid("volume_capability",
                     "has the mount option " + JsonQuote(flag.substr(0, 64)) +
                         ", which is not supported; remove it from the volume");
    }
  }
  return OkStatus();
}

bool IsReadOnly(const VolumeCapability& capability) {
  const auto mode = capability.access_mode().mode();
  return mode == VolumeCapability::AccessMode::SINGLE_NODE_READER_ONLY ||
         mode == VolumeCapability::AccessMode::MULTI_NODE_READER_ONLY ||
         HasFlag(capability, "ro");
}

bool IsSingleWriter(const VolumeCapability& capability) {
  return capability.access_mode().mode() ==
         VolumeCapability::AccessMode::SINGLE_NODE_SINGLE_WRITER;
}

Status CheckCapabilities(
    const google::protobuf::RepeatedPtrField<VolumeCapability>& capabilities) {
  if (capabilities.empty()) {
    return Invalid("volume_capabilities", "is missing");
  }
  for (const VolumeCapability& capability : capabilities) {
    DS_RETURN_IF_ERROR(CheckCapability(capability));
  }
  return OkStatus();
}

Result<dataset::SecretData> ToSecretData(
    const google::protobuf::Map<std::string, std::string>& secrets) {
  dataset::SecretData data;
  std::size_t bytes = 0;
  for (const auto& [key, value] : secrets) {
    bytes += key.size() + value.size();
    data.emplace(key, SecretString(value));
  }
  if (bytes > kSecretsBytesMax) {
    return Invalid("secrets", "has more than " +
                                  std::to_string(kSecretsBytesMax) + " bytes");
  }
  return data;
}

Result<StageRequest> ToStageRequest(
    const ::csi::v1::NodeStageVolumeRequest& request) {
  DS_RETURN_IF_ERROR(CheckId("volume_id", request.volume_id()));
  DS_RETURN_IF_ERROR(
      CheckPath("staging_target_path", request.staging_target_path()));
  if (!request.has_volume_capability()) {
    return Invalid("volume_capability", "is missing");
  }
  DS_RETURN_IF_ERROR(CheckCapability(request.volume_capability()));
  DS_ASSIGN_OR_RETURN(dataset::SecretData secrets,
                      ToSecretData(request.secrets()));
  return StageRequest{request.volume_id(), request.staging_target_path(),
                      IsReadOnly(request.volume_capability()),
                      std::move(secrets)};
}

Result<PublishRequest> ToPublishRequest(
    const ::csi::v1::NodePublishVolumeRequest& request) {
  DS_RETURN_IF_ERROR(CheckId("volume_id", request.volume_id()));
  DS_RETURN_IF_ERROR(CheckPath("target_path", request.target_path()));
  if (!request.has_volume_capability()) {
    return Invalid("volume_capability", "is missing");
  }
  DS_RETURN_IF_ERROR(CheckCapability(request.volume_capability()));
  if (request.staging_target_path().empty()) {
    return Error{ErrorCode::kFailedPrecondition,
                 "staging_target_path is missing: stage the volume first"};
  }
  DS_RETURN_IF_ERROR(
      CheckPath("staging_target_path", request.staging_target_path()));
  DS_ASSIGN_OR_RETURN(dataset::SecretData secrets,
                      ToSecretData(request.secrets()));
  DS_ASSIGN_OR_RETURN(dataset::PodIdentity pod, ToPodIdentity(request));
  return PublishRequest{
      request.volume_id(),
      request.staging_target_path(),
      request.target_path(),
      request.readonly() || IsReadOnly(request.volume_capability()),
      std::move(secrets),
      IsSingleWriter(request.volume_capability()),
      std::move(pod)};
}

Result<CreateVolumeRequest> ToCreateRequest(
    const ::csi::v1::CreateVolumeRequest& request) {
  DS_RETURN_IF_ERROR(CheckId("name", request.name()));
  DS_RETURN_IF_ERROR(CheckCapabilities(request.volume_capabilities()));
  if (request.has_volume_content_source()) {
    return Invalid("volume_content_source",
                   "is not supported: a volume is made empty");
  }
  if (!request.mutable_parameters().empty()) {
    return Invalid("mutable_parameters", "is not supported");
  }
  const std::int64_t required = request.capacity_range().required_bytes();
  const std::int64_t limit = request.capacity_range().limit_bytes();
  if (required < 0 || limit < 0 || (limit > 0 && required > limit)) {
    return Invalid("capacity_range", "is no range");
  }
  DS_ASSIGN_OR_RETURN(dataset::SecretData secrets,
                      ToSecretData(request.secrets()));
  // A bucket has no size: what is asked for is what is promised.
  return CreateVolumeRequest{
      request.name(), static_cast<std::uint64_t>(required), std::move(secrets)};
}

}  // namespace datashim::csi
