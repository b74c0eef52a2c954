// MountProcess: `datashim mount` of a bucket in a process of its own, so that
// its CPU time and memory can be told from those of the reader.

#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "node/bucket_options.h"

namespace datashim::bench {

/// Thread-compatible.
class MountProcess {
 public:
  /// Mounts the bucket, read-only and with nothing cached, at a directory of
  /// its own. @return kUnavailable when the mount does not come up; the reason
  ///     is on stderr.
  static Result<std::unique_ptr<MountProcess>> Start(
      const node::BucketOptions& bucket);
  MountProcess(const MountProcess&) = delete;
  MountProcess& operator=(const MountProcess&) = delete;
  /// Unmounts and removes the directory.
  ~MountProcess();

  const std::string& directory() const { return directory_; }
  /// User and system time so far.
  double cpu_seconds() const;
  double peak_rss_mib() const;

 private:
  explicit MountProcess(std::string directory)
      : directory_(std::move(directory)) {}

  const std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace datashim::bench
