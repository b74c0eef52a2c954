#include "csi/server.h"

#include <grpcpp/impl/service_type.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <utility>
#include <vector>

#include "base/log.h"
#include "csi/requests.h"
#include "csi/services.h"
#include "sys/errno_error.h"

namespace datashim::csi {
namespace {

// Also gRPC's own polling threads. At the limit gRPC answers
// RESOURCE_EXHAUSTED and kubelet tries again.
constexpr int kThreadsMax = 16;
constexpr std::size_t kMemoryBytesMax = std::size_t{32} << 20;
// The secrets are the largest part of a request.
constexpr int kRequestBytesMax = static_cast<int>(kSecretsBytesMax) + 65536;
constexpr std::size_t kNodeIdBytesMax = 192;  // The specification's limit.
constexpr std::chrono::seconds kStopInDestructor{5};

Status CheckSocketPath(const std::string& path) {
  if (path.starts_with('/') && path.size() < sizeof(sockaddr_un::sun_path)) {
    return OkStatus();
  }
  return Error{ErrorCode::kInvalidArgument,
               "socket \"" + path + "\": the path must be absolute and have " +
                   "less than " +
                   std::to_string(sizeof(sockaddr_un::sun_path)) + " bytes"};
}

// A socket that a killed process left is removed; anything else is not ours.
Status RemoveStaleSocket(const std::string& path) {
  struct stat found = {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return OkStatus();
    return sys::ErrnoError(errno, "socket \"" + path + "\"");
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error{ErrorCode::kFailedPrecondition,
                 "socket \"" + path + "\": something else has this name"};
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return sys::ErrnoError(errno, "remove the stale socket \"" + path + "\"");
  }
  return OkStatus();
}

class ServerImpl final : public Server {
 public:
  ~ServerImpl() override { Stop(Deadline::After(kStopInDestructor)); }

  Status Listen(const ServerOptions& options, VolumeHost* host,
                VolumeController* controller);
  void Stop(Deadline deadline) override;

 private:
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::string registration_path_;  // Empty: none.
  std::mutex mutex_;
  std::unique_ptr<grpc::Server> server_;  // Guarded by mutex_.
};

Status ServerImpl::Listen(const ServerOptions& options, VolumeHost* host,
                          VolumeController* controller) {
  std::vector<std::string> paths = {options.socket_path};
  services_.push_back(MakeIdentityService(host, controller != nullptr));
  if (host != nullptr) {
    services_.push_back(
        MakeNodeService(*host, options.node_id, options.volumes_per_node_max));
  }
  if (controller != nullptr) {
    services_.push_back(MakeControllerService(*controller));
  }
  if (!options.plugins_registry_dir.empty()) {
    services_.push_back(MakeRegistrationService(
        options.kubelet_socket_path.empty() ? options.socket_path
                                            : options.kubelet_socket_path));
    registration_path_ =
        options.plugins_registry_dir + "/" + kDriverName + "-reg.sock";
    // Last: kubelet asks as soon as it sees this one.
    paths.push_back(registration_path_);
  }

  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("csi");
  quota.SetMaxThreads(kThreadsMax);
  quota.Resize(kMemoryBytesMax);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kRequestBytesMax);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  std::vector<int> ports(paths.size(), 0);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    DS_RETURN_IF_ERROR(CheckSocketPath(paths[i]));
    DS_RETURN_IF_ERROR(RemoveStaleSocket(paths[i]));
    builder.AddListeningPort("unix:" + paths[i],
                             grpc::InsecureServerCredentials(), &ports[i]);
  }
  for (const auto& service : services_) builder.RegisterService(service.get());
  const std::scoped_lock lock(mutex_);
  server_ = builder.BuildAndStart();
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (server_ == nullptr || ports[i] == 0) {
      return Error{ErrorCode::kUnavailable,
                   "cannot listen on \"" + paths[i] +
                       "\"; is its folder there and writable?"};
    }
    if (::chmod(paths[i].c_str(), 0600) != 0) {
      return sys::ErrnoError(errno, "set the mode of \"" + paths[i] + "\"");
    }
  }
  return OkStatus();
}

void ServerImpl::Stop(Deadline deadline) {
  const std::scoped_lock lock(mutex_);
  if (server_ == nullptr) return;
  if (!registration_path_.empty()) ::unlink(registration_path_.c_str());
  const Duration left =
      std::min<Duration>(deadline.Remaining(), std::chrono::hours(1));
  server_->Shutdown(SystemClock().WallNow() +
                    std::chrono::duration_cast<WallTime::duration>(left));
  server_.reset();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                              VolumeHost* host,
                                              VolumeController* controller) {
  if (host != nullptr &&
      (options.node_id.empty() || options.node_id.size() > kNodeIdBytesMax)) {
    return Error{ErrorCode::kInvalidArgument,
                 "the node id must have 1 to " +
                     std::to_string(kNodeIdBytesMax) + " bytes"};
  }
  auto server = std::make_unique<ServerImpl>();
  DS_RETURN_IF_ERROR(server->Listen(options, host, controller));
  log::Info("CSI driver serves", {{"socket", options.socket_path}});
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace datashim::csi
