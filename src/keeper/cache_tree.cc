#include "keeper/cache_tree.h"

#include <sys/stat.h>

#include <cerrno>

#include "keeper/policy.h"
#include "sys/errno_error.h"
#include "sys/mount_api.h"
#include "sys/mount_table.h"

namespace datashim::keeper {

Result<CacheTree> CacheTree::Open(const std::string& cache_dir) {
  DS_RETURN_IF_ERROR(CheckNormalized(cache_dir));
  DS_ASSIGN_OR_RETURN(sys::UniqueFd root, sys::OpenDirectoryRoot(cache_dir));
  DS_ASSIGN_OR_RETURN(const sys::MountPoint point, sys::MountPointOf(root));
  DS_ASSIGN_OR_RETURN(const auto table, sys::ReadMountTable());
  for (const sys::MountEntry& entry : table) {
    if (entry.mount_id != point.mount_id || !BlocksWalk(entry)) continue;
    return Error{ErrorCode::kInvalidArgument, "cache directory \"" + cache_dir +
                                                  "\": it is on " + entry.type +
                                                  "; use a local disk"};
  }
  return CacheTree(std::move(root));
}

Result<sys::UniqueFd> CacheTree::OpenFile(const std::string& name,
                                          std::uint64_t inode) const {
  DS_RETURN_IF_ERROR(CheckRelative(name));
  DS_ASSIGN_OR_RETURN(sys::UniqueFd file, sys::OpenFileBeneath(root_, name));
  struct stat found = {};
  if (::fstat(file.get(), &found) != 0) {
    return sys::ErrnoError(errno, "fstat of \"" + name + "\"");
  }
  if (found.st_ino == inode) return file;
  return Error{ErrorCode::kNotFound,
               "file \"" + name + "\" is another one by now"};
}

}  // namespace datashim::keeper
