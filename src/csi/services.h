// The gRPC services of the driver. Each checks a request (requests.h), takes
// the volume's lock, asks the host and maps the answer.

#pragma once

#include <memory>
#include <string>

#include "csi/volume_host.h"

namespace grpc {
class Service;
}

namespace datashim::csi {

/// Thread-safe, as all of these. `host` may be null (then the driver is always
/// ready); `has_controller` is what GetPluginCapabilities says.
std::unique_ptr<grpc::Service> MakeIdentityService(VolumeHost* host,
                                                   bool has_controller);

/// `volumes_max`: 0 is no limit.
std::unique_ptr<grpc::Service> MakeNodeService(VolumeHost& host,
                                               std::string node_id,
                                               int volumes_max);

std::unique_ptr<grpc::Service> MakeControllerService(
    VolumeController& controller);

/// kubelet's registration; `endpoint` is the driver's socket as kubelet sees
/// it.
std::unique_ptr<grpc::Service> MakeRegistrationService(std::string endpoint);

}  // namespace datashim::csi
