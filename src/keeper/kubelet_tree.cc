#include "keeper/kubelet_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "keeper/policy.h"
#include "sys/errno_error.h"

namespace datashim::keeper {
namespace {

constexpr mode_t kDirectoryMode = 0750;

Status CheckWalkThrough(const sys::UniqueFd& directory,
                        const std::string& path) {
  DS_ASSIGN_OR_RETURN(const auto root, MountRootAt(directory));
  if (!root || !BlocksWalk(root->entry)) return OkStatus();
  return Error{ErrorCode::kInvalidArgument,
               "path \"" + path + "\" leads through the " + root->entry.type +
                   " mount at \"" + root->entry.mount_point + "\""};
}

}  // namespace

Result<std::optional<MountRoot>> MountRootAt(const sys::UniqueFd& directory) {
  DS_ASSIGN_OR_RETURN(const sys::MountPoint point,
                      sys::MountPointOf(directory));
  if (!point.is_root) return std::optional<MountRoot>();
  DS_ASSIGN_OR_RETURN(const auto table, sys::ReadMountTable());
  for (const sys::MountEntry& entry : table) {
    if (entry.mount_id != point.mount_id) continue;
    return std::optional<MountRoot>(MountRoot{point, entry});
  }
  // Unmounted between the two looks; the descriptor alone keeps it.
  return Error{ErrorCode::kAborted,
               "a mount went away while it was looked at; try again"};
}

Result<KubeletTree> KubeletTree::Open(const std::string& kubelet_dir) {
  DS_RETURN_IF_ERROR(CheckNormalized(kubelet_dir));
  DS_ASSIGN_OR_RETURN(sys::UniqueFd root, sys::OpenDirectoryRoot(kubelet_dir));
  return KubeletTree(kubelet_dir, std::move(root));
}

// One component after the other: a single openat2 of the whole path would ask
// the server of a FUSE mount in its middle, which may be dead, and the keeper
// with it.
Result<Place> KubeletTree::Walk(const std::string& path,
                                IfMissing if_missing) const {
  DS_ASSIGN_OR_RETURN(const std::string relative,
                      RelativeToKubelet(path_, path));
  const std::vector<std::string_view> names = Split(relative, '/');
  DS_ASSIGN_OR_RETURN(sys::UniqueFd parent, root_.Duplicate());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name(names[i]);
    if (if_missing == IfMissing::kMake &&
        ::mkdirat(parent.get(), name.c_str(), kDirectoryMode) != 0 &&
        errno != EEXIST) {
      return sys::ErrnoError(errno, "make directory \"" + path + "\"");
    }
    const bool is_last = i + 1 == names.size();
    Result<sys::UniqueFd> directory = sys::OpenBeneath(parent, name);
    if (!directory.ok()) {
      if (is_last && directory.error().code == ErrorCode::kNotFound) {
        return Place{std::move(parent), name, sys::UniqueFd()};
      }
      return directory.error().Wrap("path \"" + path + "\"");
    }
    if (is_last) {
      return Place{std::move(parent), name, *std::move(directory)};
    }
    DS_RETURN_IF_ERROR(CheckWalkThrough(*directory, path));
    parent = *std::move(directory);
  }
  return Error{ErrorCode::kInternal, "path \"" + path + "\" has no name"};
}

Result<Place> KubeletTree::Find(const std::string& path) const {
  return Walk(path, IfMissing::kFail);
}

Result<sys::UniqueFd> KubeletTree::Directory(const std::string& path) const {
  DS_ASSIGN_OR_RETURN(Place place, Find(path));
  if (!place.directory) {
    return Error{ErrorCode::kNotFound,
                 "directory \"" + path + "\" does not exist"};
  }
  return std::move(place.directory);
}

Status KubeletTree::Make(const std::string& path) const {
  DS_ASSIGN_OR_RETURN(std::ignore, Walk(path, IfMissing::kMake));
  return OkStatus();
}

Status KubeletTree::Remove(const std::string& path) const {
  Result<Place> place = Find(path);
  if (!place.ok() && place.error().code == ErrorCode::kNotFound) {
    return OkStatus();
  }
  if (!place.ok()) return std::move(place).error();
  if (!place->directory) return OkStatus();
  if (::unlinkat(place->parent.get(), place->name.c_str(), AT_REMOVEDIR) != 0 &&
      errno != ENOENT) {
    return sys::ErrnoError(errno, "remove directory \"" + path + "\"");
  }
  return OkStatus();
}

}  // namespace datashim::keeper
