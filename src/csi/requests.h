// CSI requests as what the host takes: checked as the specification says, with
// its codes. Pure.

#pragma once

#include <google/protobuf/map.h>

#include <cstddef>
#include <string>

#include "base/result.h"
#include "csi.pb.h"
#include "csi/volume_host.h"

namespace datashim::csi {

/// The specification's size limit for identifiers.
inline constexpr std::size_t kIdBytesMax = 128;
/// Linux's PATH_MAX, with the zero at its end.
inline constexpr std::size_t kPathBytesMax = 4095;
/// Kubernetes' limit of a Secret.
inline constexpr std::size_t kSecretsBytesMax = std::size_t{1} << 20;

/// kInvalidArgument, naming the field, unless it has 1..kIdBytesMax bytes.
Status CheckId(const char* field, const std::string& id);

/// kInvalidArgument, naming the field, unless it is an absolute path.
Status CheckPath(const char* field, const std::string& path);

/// kInvalidArgument, saying what is not supported: block volumes, mount flags
/// with an effect, unknown access modes.
Status CheckCapability(const ::csi::v1::VolumeCapability& capability);

/// True if the capability asks for no more than reading.
bool IsReadOnly(const ::csi::v1::VolumeCapability& capability);

/// True if only one pod may have the volume.
bool IsSingleWriter(const ::csi::v1::VolumeCapability& capability);

/// kInvalidArgument if there is none, or one of them is not supported.
Status CheckCapabilities(
    const google::protobuf::RepeatedPtrField<::csi::v1::VolumeCapability>&
        capabilities);

/// kInvalidArgument beyond kSecretsBytesMax.
Result<dataset::SecretData> ToSecretData(
    const google::protobuf::Map<std::string, std::string>& secrets);

Result<StageRequest> ToStageRequest(
    const ::csi::v1::NodeStageVolumeRequest& request);

/// kFailedPrecondition without a staging path, as the specification says.
Result<PublishRequest> ToPublishRequest(
    const ::csi::v1::NodePublishVolumeRequest& request);

Result<CreateVolumeRequest> ToCreateRequest(
    const ::csi::v1::CreateVolumeRequest& request);

}  // namespace datashim::csi
