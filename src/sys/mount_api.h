// Mounts through the kernel's mount API of 5.2 and later, and paths that are
// resolved beneath a directory without symbolic links. Decides no policy.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace datashim::sys {

/// One `key[=value]` for fsconfig(2).
struct MountParameter {
  std::string key;
  std::string value;  ///< Not used when is_flag.
  bool is_flag = false;
};

/// Makes a file system of type `type` and a mount of it (nosuid, nodev) that
/// is attached nowhere yet. The error carries what the kernel says about it.
Result<UniqueFd> CreateMount(const std::string& type,
                             const std::vector<MountParameter>& parameters);

/// How a FUSE mount shows in the mount table, and whether it takes writes.
struct FuseMountOptions {
  std::string source;
  std::string subtype;  ///< The type shows as "fuse.<subtype>".
  bool read_only = false;
};

/// CreateMount of a FUSE file system on `device` (/dev/fuse). Requests of all
/// users reach its server (allow_other), and the kernel checks modes and owners
/// (default_permissions), so that the server need not know groups.
Result<UniqueFd> CreateFuseMount(const UniqueFd& device,
                                 const FuseMountOptions& options);

/// A copy (nosuid, nodev), attached nowhere, of the mount that `directory` is
/// the root of; mounts below it are not copied.
Result<UniqueFd> CloneMount(const UniqueFd& directory, bool read_only);

/// Attaches `mount` (of CreateMount or CloneMount) to `directory`.
Status AttachMount(const UniqueFd& mount, const UniqueFd& directory);

/// Unmounts what is on top of entry `name` of `parent`, never following a
/// symbolic link. `detach`: at once, even if files are open.
/// @return kNotFound when nothing is mounted there; kFailedPrecondition when it
///     is busy.
Status Unmount(const UniqueFd& parent, const std::string& name, bool detach);

/// Opens a directory (O_PATH) as the root for OpenBeneath; follows links.
Result<UniqueFd> OpenDirectoryRoot(const std::string& path);

/// Opens `relative` below `root` as O_PATH directory. Fails with
/// kInvalidArgument if any component is a symbolic link or leads outside.
/// Sends nothing to the file system that may be mounted at the last component.
Result<UniqueFd> OpenBeneath(const UniqueFd& root, const std::string& relative);

/// Opens the regular file `relative` below `root`, in the mount of `root`, for
/// reading. Waits for no writer of a FIFO.
/// @return kInvalidArgument if it is something else, or any component is a
///     symbolic link, another mount, or leads outside.
Result<UniqueFd> OpenFileBeneath(const UniqueFd& root,
                                 const std::string& relative);

/// What the kernel knows of the mount that an O_PATH descriptor is in.
struct MountPoint {
  std::uint64_t mount_id = 0;
  bool is_root = false;  ///< The descriptor is the root of the mount.
  unsigned device_major = 0;
  unsigned device_minor = 0;
};

/// Asks the kernel's caches only (AT_STATX_DONT_SYNC), so that a dead FUSE
/// server cannot block the caller.
Result<MountPoint> MountPointOf(const UniqueFd& directory);

/// Sets the readahead of the device's backing_dev_info. For FUSE: after INIT
/// was answered, because INIT lowers it.
Status WriteReadahead(unsigned device_major, unsigned device_minor,
                      std::uint32_t readahead_kib);

}  // namespace datashim::sys
