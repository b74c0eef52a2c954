#include "csi_controller/controller.h"

#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "csi/server.h"
#include "csi_controller/bucket_volumes.h"
#include "sys/service.h"

namespace datashim::csi_controller {
namespace {

// The longest call is BucketVolumes' 20 s.
constexpr std::chrono::seconds kDrainTimeout{25};

Status Run(const ControllerOptions& options, std::stop_token stop) {
  BucketVolumes volumes;
  csi::ServerOptions server_options;
  server_options.socket_path = options.socket_path;
  DS_ASSIGN_OR_RETURN(const auto server,
                      csi::Server::Start(server_options, nullptr, &volumes));
  log::Info("the controller serves", {{"socket", options.socket_path}});
  SystemClock().SleepFor(std::chrono::hours(24 * 365 * 100), stop);
  log::Info("the controller stops");
  server->Stop(Deadline::After(kDrainTimeout));
  return OkStatus();
}

}  // namespace

int RunController(const ControllerOptions& options) {
  return sys::RunService(
      "controller", options.log_level,
      [&](std::stop_token stop) { return Run(options, std::move(stop)); });
}

}  // namespace datashim::csi_controller
