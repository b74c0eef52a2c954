// The `datashim-keeper` process: mounts for `node`, holds copies of its
// descriptors, and has no network. It parses nothing but node's requests.

#pragma once

#include <string>

namespace datashim::keeper {

/// Where the keeper works.
struct KeeperOptions {
  std::string socket_path = "/run/datashim/keeper.sock";
  /// Mounts and directories are made below it only.
  std::string kubelet_dir = "/var/lib/kubelet";
  std::string fuse_device_path = "/dev/fuse";
  /// node's cache directory: files below it may be handed to the kernel. Empty:
  /// there is none.
  std::string cache_dir;
};

/// Serves until SIGTERM or SIGINT; mounts stay. Drops every capability but
/// CAP_SYS_ADMIN and all system calls it does not need, so it must be the
/// process's only business. Logs its errors.
/// @return the process's exit code.
int RunKeeper(const KeeperOptions& options);

}  // namespace datashim::keeper
