// The process `datashim controller`: the CSI controller service on a unix
// socket, beside an external-provisioner. Needs neither privileges nor the API
// server; clusters that use the operator's own provisioner do not need it.

#pragma once

#include <string>

namespace datashim::csi_controller {

/// The command line of `datashim controller`.
struct ControllerOptions {
  std::string socket_path = "/csi/csi.sock";  ///< Shared with the provisioner.
  std::string log_level = "info";
};

/// Serves until SIGTERM or SIGINT. @return the exit code of the process.
int RunController(const ControllerOptions& options);

}  // namespace datashim::csi_controller
