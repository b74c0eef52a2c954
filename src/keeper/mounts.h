// Mounts: makes and removes the mounts that node asks for and holds a copy of
// their descriptors. Knows neither sockets nor messages.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "keeper/cache_tree.h"
#include "keeper/client.h"
#include "keeper/kubelet_tree.h"
#include "sys/unique_fd.h"

namespace datashim::keeper {

/// Thread-compatible: the keeper has one thread. The calls, their errors and
/// their idempotence are those of Client; no call waits for a FUSE server.
class Mounts {
 public:
  /// `cache`: nullopt if there is none; then no file can be handed over.
  Mounts(KubeletTree tree, std::string fuse_device_path,
         std::optional<CacheTree> cache = std::nullopt)
      : tree_(std::move(tree)),
        fuse_device_path_(std::move(fuse_device_path)),
        cache_(std::move(cache)) {}

  Result<FuseConnection> MountFuse(const MountSpec& spec);
  Status SetReadahead(const std::string& target, std::uint32_t readahead_kib);
  Status Bind(const std::string& source, const std::string& target,
              bool read_only);
  Status Unmount(const std::string& target, bool detach);
  Status PutState(const std::string& target, sys::UniqueFd memfd);
  Result<std::int32_t> OpenBacking(const std::string& target,
                                   const std::string& name,
                                   std::uint64_t inode);
  Status CloseBacking(const std::string& target, std::int32_t id);
  Status MakeDirectory(const std::string& path) { return tree_.Make(path); }
  Status RemoveDirectory(const std::string& path) { return tree_.Remove(path); }

  /// Keeps descriptors that an earlier keeper kept. `state_fd` may be none.
  /// @return kNotFound if no mount of ours is at the target; kAlreadyExists if
  ///     another mount is kept for it.
  Status Adopt(const MountSpec& spec, sys::UniqueFd fuse_fd,
               sys::UniqueFd state_fd);

  /// The kept mount whose target is the least above `after`; null at the end.
  /// Valid until the next call.
  const KeptMount* Next(const std::string& after) const;

  /// Forgets mounts whose connection has ended (unmounted behind our back or
  /// aborted), which releases their memory.
  void ForgetEnded();

 private:
  struct Kept {
    KeptMount mount;
    unsigned device_major = 0;
    unsigned device_minor = 0;
    // Opened and not closed, in the life of this keeper: a bound. The numbers
    // themselves are the connection's, and the kernel's to check.
    std::uint32_t backings = 0;
  };

  Result<Kept*> FindKept(const std::string& target);
  Result<FuseConnection> MakeFuseMount(const MountSpec& spec,
                                       const sys::UniqueFd& directory);
  Result<MountRoot> OurMountAt(const std::string& path,
                               const sys::UniqueFd& directory) const;
  bool IsFuseDevice(const sys::UniqueFd& fd) const;

  KubeletTree tree_;
  std::string fuse_device_path_;
  std::optional<CacheTree> cache_;
  std::map<std::string, Kept> kept_;  // By target.
};

}  // namespace datashim::keeper
