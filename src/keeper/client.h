// Client: how `node` asks the keeper for mounts. Holds a copy of every
// descriptor, so that a keeper that restarts gets them back. Answers no FUSE
// request: that is the caller's, on the descriptor it is given.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/unique_fd.h"

namespace datashim::keeper {

/// Identity of one FUSE mount. The target path is its key.
struct MountSpec {
  std::string volume_id;    ///< 1..128 bytes of [A-Za-z0-9._-].
  std::string location_id;  ///< 1..64 bytes of the same.
  /// Absolute, normalized, below the keeper's kubelet directory, at most 1023
  /// bytes, an existing directory.
  std::string target;
  /// Makes the file system itself read-only, for all of its bind mounts.
  bool read_only = false;

  friend bool operator==(const MountSpec&, const MountSpec&) = default;
};

/// A connection to the kernel, answered by MountFuse.
struct FuseConnection {
  sys::UniqueFd fd;  ///< /dev/fuse of this mount; the caller's own copy.
  /// true: INIT is the first request. false: the mount was there before; it
  /// may have been answered or not.
  bool is_new = false;
};

/// A mount that the keeper holds.
struct KeptMount {
  MountSpec spec;
  sys::UniqueFd fuse_fd;
  sys::UniqueFd state_fd;  ///< The memfd of PutState; none if there was none.
};

/// Every call is thread-safe, blocks until its deadline at the latest, and is
/// idempotent: doing what is done already is OK. Calls are served one after the
/// other. When the keeper restarts, the client connects again by itself (at
/// once when a call is made, otherwise within a second) and gives back the
/// copies it holds.
///
/// Errors of all calls: kInvalidArgument (path outside of the kubelet
/// directory, through a symbolic link, or a field out of its bounds),
/// kDeadlineExceeded, kUnavailable (no keeper until the deadline),
/// kPermissionDenied (not the keeper's user).
class Client {
 public:
  /// @return kUnavailable when no keeper answers until the deadline;
  ///     kFailedPrecondition when it speaks another version of the protocol.
  static Result<std::unique_ptr<Client>> Connect(const std::string& socket_path,
                                                 Deadline deadline);
  virtual ~Client() = default;

  /// What the keeper holds: a new node process takes its mounts over with it.
  /// The client keeps its own copies of the descriptors from then on.
  virtual Result<std::vector<KeptMount>> KeptMounts(Deadline deadline) = 0;

  /// Mounts a FUSE file system (source and subtype "datashim"; allow_other,
  /// default_permissions, nosuid, nodev) at spec.target. If this very mount is
  /// kept and still mounted, answers its descriptor.
  /// @return kAlreadyExists if another mount is at the target, or one whose
  ///     connection has ended or was lost: Unmount first.
  ///     kNotFound if the target directory is missing. kResourceExhausted at
  ///     the limit of kept mounts (512).
  virtual Result<FuseConnection> MountFuse(const MountSpec& spec,
                                           Deadline deadline) = 0;

  /// Sets the readahead of the mount at `target` (1..16384 KiB). Call it after
  /// INIT was answered: the kernel lowers the value then.
  /// @return kNotFound if no mount of ours is there.
  virtual Status SetReadahead(const std::string& target,
                              std::uint32_t readahead_kib,
                              Deadline deadline) = 0;

  /// Bind-mounts the FUSE mount at `source` to the directory `target`.
  /// @return kNotFound if no mount of ours is at `source` or no directory at
  ///     `target`. kAlreadyExists if another mount is at the target, or the
  ///     same with another `read_only`.
  virtual Status Bind(const std::string& source, const std::string& target,
                      bool read_only, Deadline deadline) = 0;

  /// Unmounts all that is ours at `target`, a FUSE mount or a bind mount, and
  /// forgets the kept descriptors of a FUSE mount. OK if nothing is there, or
  /// the path is missing. `detach`: also when files are open there.
  /// @return kFailedPrecondition if it is busy; kPermissionDenied if the mount
  ///     there is not of ours.
  virtual Status Unmount(const std::string& target, bool detach,
                         Deadline deadline) = 0;

  /// Lets the keeper hold `memfd` (sys::CreateMemfd) for the mount at `target`,
  /// in place of an earlier one.
  /// @return kNotFound if no such mount is kept.
  virtual Status PutState(const std::string& target, const sys::UniqueFd& memfd,
                          Deadline deadline) = 0;

  /// Hands a regular file below the keeper's cache directory to the kernel,
  /// which reads it by itself where an open of the mount at `target` is
  /// answered with its number. `name`: relative to that directory. `inode`: the
  /// number of the file that is meant; another one of that name is not taken.
  /// @return the number, > 0. kNotFound if the mount is not kept or the file is
  ///     another one by now; kResourceExhausted at the limit of one mount
  ///     (4,096); kFailedPrecondition when the keeper has no cache directory;
  ///     kPermissionDenied when INIT did not agree on passthrough; what the
  ///     kernel says of the file otherwise.
  virtual Result<std::int32_t> OpenBacking(const std::string& target,
                                           const std::string& name,
                                           std::uint64_t inode,
                                           Deadline deadline) = 0;

  /// Takes it back, so that the kernel keeps the file only as long as it is
  /// open. Returns at once: the keeper is told in the background, and after it
  /// came back if it is away. Forgotten when the mount is unmounted or made
  /// anew, which takes back all of them.
  virtual void CloseBacking(const std::string& target, std::int32_t id) = 0;

  /// Makes the directory and its missing parents below the kubelet directory,
  /// mode 0750.
  virtual Status MakeDirectory(const std::string& path, Deadline deadline) = 0;

  /// Removes an empty directory that is no mount point. OK if it is missing.
  /// @return kFailedPrecondition if it is not empty or is a mount point.
  virtual Status RemoveDirectory(const std::string& path,
                                 Deadline deadline) = 0;
};

}  // namespace datashim::keeper
