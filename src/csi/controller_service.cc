#include <grpcpp/server_context.h>

#include <utility>

#include "csi.grpc.pb.h"
#include "csi/grpc_status_map.h"
#include "csi/request_log.h"
#include "csi/requests.h"
#include "csi/services.h"
#include "csi/volume_locks.h"

namespace datashim::csi {
namespace {

using ::csi::v1::ControllerServiceCapability;

class ControllerService final : public ::csi::v1::Controller::Service {
 public:
  explicit ControllerService(VolumeController& controller)
      : controller_(controller) {}

  grpc::Status CreateVolume(
      grpc::ServerContext*, const ::csi::v1::CreateVolumeRequest* request,
      ::csi::v1::CreateVolumeResponse* response) override {
    return ToGrpcStatus(Logged("CreateVolume", *request, [&]() -> Status {
      DS_ASSIGN_OR_RETURN(const CreateVolumeRequest create,
                          ToCreateRequest(*request));
      DS_ASSIGN_OR_RETURN(const auto guard, names_.LockVolume(create.name));
      DS_ASSIGN_OR_RETURN(const CreatedVolume created,
                          controller_.Create(create));
      response->mutable_volume()->set_volume_id(created.volume_id);
      response->mutable_volume()->set_capacity_bytes(
          static_cast<std::int64_t>(created.capacity_bytes));
      return OkStatus();
    }));
  }

  grpc::Status DeleteVolume(grpc::ServerContext*,
                            const ::csi::v1::DeleteVolumeRequest* request,
                            ::csi::v1::DeleteVolumeResponse*) override {
    return ToGrpcStatus(Logged("DeleteVolume", *request, [&]() -> Status {
      DS_RETURN_IF_ERROR(CheckId("volume_id", request->volume_id()));
      DS_ASSIGN_OR_RETURN(const dataset::SecretData secrets,
                          ToSecretData(request->secrets()));
      DS_ASSIGN_OR_RETURN(const auto guard,
                          ids_.LockVolume(request->volume_id()));
      return controller_.Delete(request->volume_id(), secrets);
    }));
  }

  grpc::Status ValidateVolumeCapabilities(
      grpc::ServerContext*,
      const ::csi::v1::ValidateVolumeCapabilitiesRequest* request,
      ::csi::v1::ValidateVolumeCapabilitiesResponse* response) override {
    return ToGrpcStatus(
        Logged("ValidateVolumeCapabilities", *request, [&]() -> Status {
          DS_RETURN_IF_ERROR(CheckId("volume_id", request->volume_id()));
          if (request->volume_capabilities().empty()) {
            return Error{ErrorCode::kInvalidArgument,
                         "volume_capabilities is missing"};
          }
          DS_ASSIGN_OR_RETURN(const dataset::SecretData secrets,
                              ToSecretData(request->secrets()));
          DS_RETURN_IF_ERROR(
              controller_.Validate(request->volume_id(), secrets));
          // That something is not supported is an answer here, not an error.
          const Status supported =
              CheckCapabilities(request->volume_capabilities());
          if (!supported.ok()) {
            response->set_message(supported.error().message);
            return OkStatus();
          }
          auto& confirmed = *response->mutable_confirmed();
          *confirmed.mutable_volume_context() = request->volume_context();
          *confirmed.mutable_volume_capabilities() =
              request->volume_capabilities();
          *confirmed.mutable_parameters() = request->parameters();
          return OkStatus();
        }));
  }

  grpc::Status ControllerGetCapabilities(
      grpc::ServerContext*, const ::csi::v1::ControllerGetCapabilitiesRequest*,
      ::csi::v1::ControllerGetCapabilitiesResponse* response) override {
    for (const auto type :
         {ControllerServiceCapability::RPC::CREATE_DELETE_VOLUME,
          ControllerServiceCapability::RPC::SINGLE_NODE_MULTI_WRITER}) {
      response->add_capabilities()->mutable_rpc()->set_type(type);
    }
    return grpc::Status::OK;
  }

 private:
  VolumeController& controller_;
  VolumeLocks names_;  // Of volumes to create, which have no id yet.
  VolumeLocks ids_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeControllerService(
    VolumeController& controller) {
  return std::make_unique<ControllerService>(controller);
}

}  // namespace datashim::csi
