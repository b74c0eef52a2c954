// The `datashim mount` command: the same file system without Kubernetes.

#pragma once

#include <cstdint>
#include <string>

#include "node/bucket_options.h"
#include "node/cache_settings.h"

namespace datashim::node {

/// What the command line of `datashim mount` says.
struct MountOptions {
  BucketOptions bucket;
  std::string directory;
  bool read_only = false;
  std::uint32_t metadata_ttl_seconds = 1;
  /// Memory for read-ahead and uploads together.
  std::uint64_t memory_mib_max = 256;
  std::uint32_t readahead_kib = 1024;
  CacheSettings cache;
  std::string log_level = "warn";
};

/// Mounts (as root), prints "mounted <directory>" on stdout, serves until
/// SIGTERM, SIGINT or umount(8), and leaves no mount behind.
/// Must be called before the process has another thread.
/// @return the process's exit code.
int RunMount(const MountOptions& options);

}  // namespace datashim::node
