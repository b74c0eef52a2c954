#include <grpcpp/server_context.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "csi.grpc.pb.h"
#include "csi/grpc_status_map.h"
#include "csi/request_log.h"
#include "csi/requests.h"
#include "csi/services.h"
#include "csi/volume_locks.h"

namespace datashim::csi {
namespace {

using ::csi::v1::NodeServiceCapability;
using ::csi::v1::VolumeUsage;

constexpr NodeServiceCapability::RPC::Type kCapabilities[] = {
    NodeServiceCapability::RPC::STAGE_UNSTAGE_VOLUME,
    NodeServiceCapability::RPC::GET_VOLUME_STATS,
    NodeServiceCapability::RPC::VOLUME_CONDITION,
    NodeServiceCapability::RPC::SINGLE_NODE_MULTI_WRITER};

std::int64_t Clamped(std::uint64_t number) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::int64_t>(std::min(number, kMax));
}

void Fill(const VolumeStats& stats,
          ::csi::v1::NodeGetVolumeStatsResponse& response) {
  VolumeUsage& bytes = *response.add_usage();
  bytes.set_unit(VolumeUsage::BYTES);
  bytes.set_total(Clamped(stats.total_bytes));
  bytes.set_used(Clamped(stats.used_bytes));
  bytes.set_available(Clamped(stats.available_bytes));
  VolumeUsage& inodes = *response.add_usage();
  inodes.set_unit(VolumeUsage::INODES);
  inodes.set_total(Clamped(stats.total_inodes));
  inodes.set_used(Clamped(stats.used_inodes));
  inodes.set_available(Clamped(
      stats.total_inodes - std::min(stats.used_inodes, stats.total_inodes)));
  response.mutable_volume_condition()->set_abnormal(!stats.healthy);
  response.mutable_volume_condition()->set_message(stats.message);
}

class NodeService final : public ::csi::v1::Node::Service {
 public:
  NodeService(VolumeHost& host, std::string node_id, int volumes_max)
      : host_(host), node_id_(std::move(node_id)), volumes_max_(volumes_max) {}

  grpc::Status NodeStageVolume(grpc::ServerContext*,
                               const ::csi::v1::NodeStageVolumeRequest* request,
                               ::csi::v1::NodeStageVolumeResponse*) override {
    return ToGrpcStatus(Logged("NodeStageVolume", *request, [&]() -> Status {
      DS_ASSIGN_OR_RETURN(const StageRequest stage, ToStageRequest(*request));
      DS_ASSIGN_OR_RETURN(const auto guard, locks_.LockVolume(stage.volume_id));
      return host_.Stage(stage);
    }));
  }

  grpc::Status NodeUnstageVolume(
      grpc::ServerContext*, const ::csi::v1::NodeUnstageVolumeRequest* request,
      ::csi::v1::NodeUnstageVolumeResponse*) override {
    return ToGrpcStatus(Logged("NodeUnstageVolume", *request, [&]() -> Status {
      DS_RETURN_IF_ERROR(CheckId("volume_id", request->volume_id()));
      DS_RETURN_IF_ERROR(
          CheckPath("staging_target_path", request->staging_target_path()));
      DS_ASSIGN_OR_RETURN(const auto guard,
                          locks_.LockVolume(request->volume_id()));
      return host_.Unstage(request->volume_id(),
                           request->staging_target_path());
    }));
  }

  grpc::Status NodePublishVolume(
      grpc::ServerContext*, const ::csi::v1::NodePublishVolumeRequest* request,
      ::csi::v1::NodePublishVolumeResponse*) override {
    return ToGrpcStatus(Logged("NodePublishVolume", *request, [&]() -> Status {
      DS_ASSIGN_OR_RETURN(const PublishRequest publish,
                          ToPublishRequest(*request));
      DS_ASSIGN_OR_RETURN(
          const auto guard,
          locks_.LockTarget(publish.volume_id, publish.target_path));
      return host_.Publish(publish);
    }));
  }

  grpc::Status NodeUnpublishVolume(
      grpc::ServerContext*,
      const ::csi::v1::NodeUnpublishVolumeRequest* request,
      ::csi::v1::NodeUnpublishVolumeResponse*) override {
    return ToGrpcStatus(
        Logged("NodeUnpublishVolume", *request, [&]() -> Status {
          DS_RETURN_IF_ERROR(CheckId("volume_id", request->volume_id()));
          DS_RETURN_IF_ERROR(CheckPath("target_path", request->target_path()));
          DS_ASSIGN_OR_RETURN(
              const auto guard,
              locks_.LockTarget(request->volume_id(), request->target_path()));
          return host_.Unpublish(request->volume_id(), request->target_path());
        }));
  }

  grpc::Status NodeGetVolumeStats(
      grpc::ServerContext*, const ::csi::v1::NodeGetVolumeStatsRequest* request,
      ::csi::v1::NodeGetVolumeStatsResponse* response) override {
    return ToGrpcStatus(Logged("NodeGetVolumeStats", *request, [&]() -> Status {
      DS_RETURN_IF_ERROR(CheckId("volume_id", request->volume_id()));
      // A path that is not absolute is one where no volume is: NOT_FOUND, as
      // the host says.
      if (request->volume_path().empty()) {
        return Error{ErrorCode::kInvalidArgument, "volume_path is missing"};
      }
      DS_ASSIGN_OR_RETURN(
          const VolumeStats stats,
          host_.Stats(request->volume_id(), request->volume_path()));
      Fill(stats, *response);
      return OkStatus();
    }));
  }

  grpc::Status NodeGetCapabilities(
      grpc::ServerContext*, const ::csi::v1::NodeGetCapabilitiesRequest*,
      ::csi::v1::NodeGetCapabilitiesResponse* response) override {
    for (const auto type : kCapabilities) {
      response->add_capabilities()->mutable_rpc()->set_type(type);
    }
    return grpc::Status::OK;
  }

  grpc::Status NodeGetInfo(grpc::ServerContext*,
                           const ::csi::v1::NodeGetInfoRequest*,
                           ::csi::v1::NodeGetInfoResponse* response) override {
    response->set_node_id(node_id_);
    response->set_max_volumes_per_node(volumes_max_);
    return grpc::Status::OK;
  }

 private:
  VolumeHost& host_;
  const std::string node_id_;
  const int volumes_max_;
  VolumeLocks locks_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeNodeService(VolumeHost& host,
                                               std::string node_id,
                                               int volumes_max) {
  return std::make_unique<NodeService>(host, std::move(node_id), volumes_max);
}

}  // namespace datashim::csi
