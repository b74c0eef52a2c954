#include "csi_controller/controller.h"

#include "base/clock.h"
#include "base/log.h"
#include "csi/server.h"
#include "csi_controller/bucket_volumes.h"
#include "sys/privileges.h"
#include "sys/signals.h"

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
  if (!log::SetLevel(options.log_level)) {
    log::Error("unknown log level", {{"level", options.log_level}});
    return 2;
  }
  const auto signals = sys::StopOnSignals();
  Status status =
      signals.ok() ? sys::DropPrivileges({}) : Status(signals.error());
  if (status.ok()) status = Run(options, (*signals)->token());
  if (!status.ok()) {
    log::Error("the controller cannot serve",
               {{"error", status.error().message}});
    return 1;
  }
  return 0;
}

}  // namespace datashim::csi_controller
