// Server: the CSI driver `csi.datashim.io` on unix sockets, with its own
// registration at the kubelet. Translates requests and errors; what a volume
// is, the VolumeHost knows.

#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "csi/volume_host.h"

namespace datashim::csi {

inline constexpr char kDriverName[] = "csi.datashim.io";

/// What the driver serves and where.
struct ServerOptions {
  /// The driver's socket, such as
  /// /var/lib/kubelet/plugins/csi.datashim.io/csi.sock. At most 107 bytes.
  std::string socket_path;
  /// The Kubernetes node's name; at most 192 bytes. Needed by the node service.
  std::string node_id;
  /// kubelet's folder for registration sockets, such as
  /// /var/lib/kubelet/plugins_registry: <folder>/csi.datashim.io-reg.sock is
  /// served there. Empty: no registration.
  std::string plugins_registry_dir;
  /// `socket_path` as kubelet sees it. Empty: the same.
  std::string kubelet_socket_path;
  /// What the node service answers as the most volumes of the driver on the
  /// node; 0: no limit.
  int volumes_per_node_max = 0;
};

/// Thread-safe. Requests run in at most 16 threads at once; on one volume only
/// one at a time (a second one is answered ABORTED, as the specification
/// asks). Secrets never reach the log.
class Server {
 public:
  /// Serves identity and, for each of `host` and `controller` that is not null,
  /// the node and the controller service. They must outlive the server. Stale
  /// sockets are replaced.
  /// @return kInvalidArgument for options out of their bounds; kUnavailable
  ///     when a socket cannot be served.
  static Result<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                               VolumeHost* host,
                                               VolumeController* controller);
  virtual ~Server() = default;

  /// Refuses new requests, takes the registration back first, waits for the
  /// running requests until the deadline and cancels the rest. Idempotent; the
  /// destructor does it with a deadline of 5 s.
  virtual void Stop(Deadline deadline) = 0;
};

}  // namespace datashim::csi
