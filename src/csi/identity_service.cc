#include <grpcpp/server_context.h>

#include "csi.grpc.pb.h"
#include "csi/grpc_status_map.h"
#include "csi/request_log.h"
#include "csi/server.h"
#include "csi/services.h"

namespace datashim::csi {
namespace {

class IdentityService final : public ::csi::v1::Identity::Service {
 public:
  IdentityService(VolumeHost* host, bool has_controller)
      : host_(host), has_controller_(has_controller) {}

  grpc::Status GetPluginInfo(
      grpc::ServerContext*, const ::csi::v1::GetPluginInfoRequest*,
      ::csi::v1::GetPluginInfoResponse* response) override {
    response->set_name(kDriverName);
    response->set_vendor_version(DATASHIM_VERSION);
    return grpc::Status::OK;
  }

  grpc::Status GetPluginCapabilities(
      grpc::ServerContext*, const ::csi::v1::GetPluginCapabilitiesRequest*,
      ::csi::v1::GetPluginCapabilitiesResponse* response) override {
    if (has_controller_) {
      response->add_capabilities()->mutable_service()->set_type(
          ::csi::v1::PluginCapability::Service::CONTROLLER_SERVICE);
    }
    return grpc::Status::OK;
  }

  // "Not ready yet" is an answer; "cannot work" is FAILED_PRECONDITION, on
  // which the caller restarts the driver.
  grpc::Status Probe(grpc::ServerContext*,
                     const ::csi::v1::ProbeRequest* request,
                     ::csi::v1::ProbeResponse* response) override {
    return ToGrpcStatus(Logged("Probe", *request, [&]() -> Status {
      const Status ready = host_ == nullptr ? OkStatus() : host_->Ready();
      const bool is_waiting =
          !ready.ok() && ready.error().code == ErrorCode::kUnavailable;
      response->mutable_ready()->set_value(ready.ok());
      if (ready.ok() || is_waiting) return OkStatus();
      return Error{ErrorCode::kFailedPrecondition, ready.error().message};
    }));
  }

 private:
  VolumeHost* const host_;
  const bool has_controller_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeIdentityService(VolumeHost* host,
                                                   bool has_controller) {
  return std::make_unique<IdentityService>(host, has_controller);
}

}  // namespace datashim::csi
