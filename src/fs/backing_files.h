// BackingFiles: hands local files to the kernel, which then reads them itself
// instead of asking the file system (FUSE passthrough).

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "cache/cached_object.h"

namespace datashim::fs {

/// A regular file that the kernel shall read.
struct BackingFile {
  int fd = -1;       ///< Open for reading; borrowed.
  std::string name;  ///< Relative to the cache's directory.
};

/// One mount's registry. Thread-safe; may outlive the mount, and then does
/// nothing. Implemented by whoever has the mount's descriptor and
/// CAP_SYS_ADMIN, or asks who has.
class BackingFiles {
 public:
  virtual ~BackingFiles() = default;
  /// @return the file's number in open replies, > 0. Error: what the kernel, or
  ///     the lack of privileges, does not allow.
  virtual Result<std::int32_t> Register(const BackingFile& file) = 0;
  /// Files that are open stay as they are. Does not wait.
  virtual void Unregister(std::int32_t id) = 0;
};

/// A copy that is registered; it is no more when this ends.
class Backing {
 public:
  Backing(std::shared_ptr<BackingFiles> files, std::int32_t id,
          std::shared_ptr<cache::CachedObject> copy)
      : files_(std::move(files)), id_(id), copy_(std::move(copy)) {}
  Backing(const Backing&) = delete;
  Backing& operator=(const Backing&) = delete;
  ~Backing() { files_->Unregister(id_); }

  std::int32_t id() const { return id_; }
  const std::shared_ptr<cache::CachedObject>& copy() const { return copy_; }

 private:
  const std::shared_ptr<BackingFiles> files_;
  const std::int32_t id_;
  const std::shared_ptr<cache::CachedObject> copy_;
};

}  // namespace datashim::fs
