// KubeletTree: the directories below the kubelet directory, reached without
// symbolic links and without asking a FUSE server.

#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "sys/mount_api.h"
#include "sys/mount_table.h"
#include "sys/unique_fd.h"

namespace datashim::keeper {

/// A directory, or its missing name in a directory that exists.
struct Place {
  sys::UniqueFd parent;
  std::string name;
  sys::UniqueFd directory;  ///< None if the directory does not exist.
};

/// The mount whose root a directory is.
struct MountRoot {
  sys::MountPoint point;
  sys::MountEntry entry;
};

/// Immutable, so thread-safe. All paths are absolute; a path that policy.h
/// refuses, or one through a symbolic link, or one that leads on through the
/// root of a FUSE mount, is kInvalidArgument.
class KubeletTree {
 public:
  /// @return kInvalidArgument or kNotFound for a directory that cannot be one.
  static Result<KubeletTree> Open(const std::string& kubelet_dir);

  /// Where `path` is. Only its last component may be missing; a missing parent
  /// is kNotFound.
  Result<Place> Find(const std::string& path) const;

  /// The directory at `path`; kNotFound if it is missing.
  Result<sys::UniqueFd> Directory(const std::string& path) const;

  /// Makes what is missing of `path`, mode 0750 as kubelet does.
  Status Make(const std::string& path) const;

  /// Removes the empty directory; OK if it is missing.
  Status Remove(const std::string& path) const;

 private:
  enum class IfMissing { kFail, kMake };

  KubeletTree(std::string path, sys::UniqueFd root)
      : path_(std::move(path)), root_(std::move(root)) {}
  Result<Place> Walk(const std::string& path, IfMissing if_missing) const;

  std::string path_;
  sys::UniqueFd root_;
};

/// The mount that `directory` is the root of; nullopt if it is none.
Result<std::optional<MountRoot>> MountRootAt(const sys::UniqueFd& directory);

}  // namespace datashim::keeper
