#include "sys/mount_api.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/strings.h"
#include "sys/errno_error.h"

namespace datashim::sys {
namespace {

// Components are never symbolic links (a pod could plant one) and never lead
// above the root.
constexpr std::uint64_t kResolve =
    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;

// The error of errno, with what the kernel wrote on the fscontext, such as
// "e fuse: Bad value for 'fd'".
Error ContextError(const UniqueFd& context, const std::string& what) {
  const int error_number = errno;  // Before the reads change it.
  std::string text;
  std::array<char, 256> line;
  for (int i = 0; i < 8; ++i) {
    const ssize_t got = ::read(context.get(), line.data(), line.size());
    if (got <= 0) break;
    const std::string_view message(line.data(), static_cast<std::size_t>(got));
    text.append(text.empty() ? " (" : "; ").append(TrimSpace(message));
  }
  if (!text.empty()) text += ")";
  return ErrnoError(error_number, what + text);
}

}  // namespace

Result<UniqueFd> CreateMount(const std::string& type,
                             const std::vector<MountParameter>& parameters) {
  const std::string what = "make a mount of type \"" + type + "\"";
  const UniqueFd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context) return ErrnoError(errno, what);
  for (const auto& [key, value, is_flag] : parameters) {
    const int failed = is_flag ? ::fsconfig(context.get(), FSCONFIG_SET_FLAG,
                                            key.c_str(), nullptr, 0)
                               : ::fsconfig(context.get(), FSCONFIG_SET_STRING,
                                            key.c_str(), value.c_str(), 0);
    if (failed == 0) continue;
    return ContextError(context, what + ": option " + key);
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) !=
      0) {
    return ContextError(context, what);
  }
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                           MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
  if (!mount) return ContextError(context, what);
  return mount;
}

Result<UniqueFd> CreateFuseMount(const UniqueFd& device,
                                 const FuseMountOptions& options) {
  // rootmode: a directory, in octal.
  std::vector<MountParameter> parameters = {
      {"source", options.source, false},
      {"subtype", options.subtype, false},
      {"fd", std::to_string(device.get()), false},
      {"rootmode", "40000", false},
      {"user_id", "0", false},
      {"group_id", "0", false},
      {"allow_other", "", true},
      {"default_permissions", "", true}};
  if (options.read_only) parameters.push_back({"ro", "", true});
  return CreateMount("fuse", parameters);
}

Result<UniqueFd> CloneMount(const UniqueFd& directory, bool read_only) {
  UniqueFd mount(
      ::open_tree(directory.get(), "",
                  OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
  if (!mount) return ErrnoError(errno, "copy a mount");
  struct mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (read_only) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes,
                      sizeof(attributes)) != 0) {
    return ErrnoError(errno, "set the attributes of a mount");
  }
  return mount;
}

Status AttachMount(const UniqueFd& mount, const UniqueFd& directory) {
  if (::move_mount(mount.get(), "", directory.get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    return ErrnoError(errno, "attach a mount");
  }
  return OkStatus();
}

Status Unmount(const UniqueFd& parent, const std::string& name, bool detach) {
  // By way of the parent: a descriptor of the mount itself would keep it busy.
  const std::string path =
      "/proc/self/fd/" + std::to_string(parent.get()) + "/" + name;
  const int flags = UMOUNT_NOFOLLOW | (detach ? MNT_DETACH : 0);
  if (::umount2(path.c_str(), flags) == 0) return OkStatus();
  if (errno == EINVAL) {
    return Error{ErrorCode::kNotFound, "unmount: nothing is mounted there"};
  }
  return ErrnoError(errno, "unmount");
}

Result<UniqueFd> OpenDirectoryRoot(const std::string& path) {
  UniqueFd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return ErrnoError(errno, "open the directory \"" + path + "\"");
  return root;
}

namespace {

Result<UniqueFd> OpenBeneath(const UniqueFd& root, const std::string& relative,
                             const open_how& how) {
  for (;;) {
    UniqueFd fd(static_cast<int>(::syscall(
        SYS_openat2, root.get(), relative.c_str(), &how, sizeof(how))));
    if (fd) return fd;
    if (errno == EINTR || errno == EAGAIN)
      continue;  // A rename was in between.
    if (errno == ELOOP) {
      return Error{ErrorCode::kInvalidArgument,
                   "open \"" + relative +
                       "\": it leads through a symbolic "
                       "link, which is not allowed here"};
    }
    if (errno == EXDEV) {
      return Error{ErrorCode::kInvalidArgument,
                   "open \"" + relative + "\": it leads outside"};
    }
    return ErrnoError(errno, "open \"" + relative + "\"");
  }
}

}  // namespace

Result<UniqueFd> OpenBeneath(const UniqueFd& root,
                             const std::string& relative) {
  open_how how = {};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = kResolve;
  return OpenBeneath(root, relative, how);
}

Result<UniqueFd> OpenFileBeneath(const UniqueFd& root,
                                 const std::string& relative) {
  open_how how = {};
  how.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  how.resolve = kResolve | RESOLVE_NO_XDEV;
  DS_ASSIGN_OR_RETURN(UniqueFd file, OpenBeneath(root, relative, how));
  struct stat found = {};
  if (::fstat(file.get(), &found) != 0) {
    return ErrnoError(errno, "fstat of \"" + relative + "\"");
  }
  if (S_ISREG(found.st_mode)) return file;
  return Error{ErrorCode::kInvalidArgument,
               "open \"" + relative + "\": it is no regular file"};
}

Result<MountPoint> MountPointOf(const UniqueFd& directory) {
  struct statx found = {};
  if (::statx(directory.get(), "",
              AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
              STATX_MNT_ID, &found) != 0) {
    return ErrnoError(errno, "statx of a mount point");
  }
  if ((found.stx_mask & STATX_MNT_ID) == 0) {
    return Error{ErrorCode::kUnimplemented,
                 "statx has no mount id: Linux 5.8 or later is needed"};
  }
  MountPoint point;
  point.mount_id = found.stx_mnt_id;
  point.is_root = (found.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  point.device_major = found.stx_dev_major;
  point.device_minor = found.stx_dev_minor;
  return point;
}

Status WriteReadahead(unsigned device_major, unsigned device_minor,
                      std::uint32_t readahead_kib) {
  const std::string path = "/sys/class/bdi/" + std::to_string(device_major) +
                           ":" + std::to_string(device_minor) +
                           "/read_ahead_kb";
  const std::string what = "write \"" + path + "\"";
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return ErrnoError(errno, what);
  const std::string text = std::to_string(readahead_kib);
  if (::write(fd.get(), text.data(), text.size()) < 0) {
    return ErrnoError(errno, what);
  }
  return OkStatus();
}

}  // namespace datashim::sys
