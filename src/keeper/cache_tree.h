// CacheTree: the files below node's cache directory, which the kernel may be
// given to read. Opens them; node makes and removes them.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace datashim::keeper {

/// Immutable, so thread-safe.
class CacheTree {
 public:
  /// @return kInvalidArgument or kNotFound for a directory that cannot be one,
  ///     or is on a file system whose server could block the keeper.
  static Result<CacheTree> Open(const std::string& cache_dir);

  /// The regular file `name` (relative, policy.h's CheckRelative), for reading,
  /// with the keeper's own rights and whatever node says of it.
  /// @return kInvalidArgument if a symbolic link or another mount is on the
  ///     way, or it is no regular file; kNotFound if it is missing or another
  ///     file than that of inode number `inode` by now.
  Result<sys::UniqueFd> OpenFile(const std::string& name,
                                 std::uint64_t inode) const;

 private:
  explicit CacheTree(sys::UniqueFd root) : root_(std::move(root)) {}

  sys::UniqueFd root_;
};

}  // namespace datashim::keeper
