// The `datashim node` process: the CSI node plugin and the file systems behind
// it. Has no capability; whatever needs one is asked of the keeper.

#pragma once

#include <cstdint>
#include <string>

#include "node/cache_settings.h"
#include "volume/volume_credentials.h"

namespace datashim::node {

/// Where the node process finds and offers its sockets.
struct NodeOptions {
  std::string node_name;  ///< The Kubernetes node's name; required.
  std::string kubelet_dir = "/var/lib/kubelet";
  /// Directory of the CSI socket (csi.sock), below kubelet_dir.
  std::string plugin_dir = "/var/lib/kubelet/plugins/csi.datashim.io";
  /// Where the kubelet looks for registration sockets.
  std::string registry_dir = "/var/lib/kubelet/plugins_registry";
  std::string keeper_socket = "/run/datashim/keeper.sock";
  std::string log_level = "info";
  /// TCP port of /healthz on all addresses; 0: none.
  std::uint16_t health_port = 9808;
  /// Memory of all mounts for read-ahead and uploads together.
  std::uint64_t memory_bytes_max = std::uint64_t{256} << 20;
  /// Of all volumes. The kubelet removes images when less than 15 % of the disk
  /// are free, and evicts pods below 15 or 10 %: stay well above.
  CacheSettings cache = {.disk_free_percent_min = 20};
  volume::TokenRules tokens;
};

/// Serves until SIGTERM or SIGINT. Must be called before the process has
/// another thread. Logs its errors.
/// @return the process's exit code.
int RunNode(const NodeOptions& options);

}  // namespace datashim::node
