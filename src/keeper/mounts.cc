#include "keeper/mounts.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <cerrno>
#include <optional>

#include "base/log.h"
#include "keeper/policy.h"
#include "sys/errno_error.h"
#include "sys/fuse_backing.h"
#include "sys/memfd.h"
#include "sys/mount_api.h"

namespace datashim::keeper {
namespace {

// Mounts of ours that may lie on one another at one path.
constexpr int kStackedMountsMax = 16;

Error Occupied(const std::string& target, const MountRoot& found) {
  return {ErrorCode::kAlreadyExists,
          "target \"" + target + "\": a mount of type " + found.entry.type +
              " (" + (found.entry.read_only ? "read-only" : "read-write") +
              ", source \"" + found.entry.source +
              "\") is there already; unmount it first"};
}

// A connection whose mounts are all gone, or that was aborted, answers POLLERR.
bool HasEnded(const sys::UniqueFd& fuse_fd) {
  pollfd entry = {fuse_fd.get(), 0, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & POLLERR) != 0;
}

}  // namespace

Result<FuseConnection> Mounts::MountFuse(const MountSpec& spec) {
  DS_RETURN_IF_ERROR(CheckSpec(spec));
  ForgetEnded();
  DS_ASSIGN_OR_RETURN(const sys::UniqueFd directory,
                      tree_.Directory(spec.target));
  DS_ASSIGN_OR_RETURN(const auto found, MountRootAt(directory));
  if (found) {
    const auto kept = kept_.find(spec.target);
    if (kept == kept_.end() || !(kept->second.mount.spec == spec) ||
        kept->second.device_major != found->point.device_major ||
        kept->second.device_minor != found->point.device_minor) {
      return Occupied(spec.target, *found);
    }
    DS_ASSIGN_OR_RETURN(sys::UniqueFd fd,
                        kept->second.mount.fuse_fd.Duplicate());
    return FuseConnection{std::move(fd), false};
  }
  if (kept_.size() >= kKeptMountsMax) {
    return Error{ErrorCode::kResourceExhausted,
                 "the keeper holds " + std::to_string(kKeptMountsMax) +
                     " mounts already, its limit"};
  }
  return MakeFuseMount(spec, directory);
}

Result<FuseConnection> Mounts::MakeFuseMount(const MountSpec& spec,
                                             const sys::UniqueFd& directory) {
  sys::UniqueFd fuse(::open(fuse_device_path_.c_str(), O_RDWR | O_CLOEXEC));
  if (!fuse) {
    return sys::ErrnoError(errno, "open \"" + fuse_device_path_ + "\"");
  }
  DS_ASSIGN_OR_RETURN(
      const sys::UniqueFd mount,
      sys::CreateFuseMount(fuse, {.source = kMountSource,
                                  .subtype = kMountSource,
                                  .read_only = spec.read_only}));
  DS_ASSIGN_OR_RETURN(const sys::MountPoint point, sys::MountPointOf(mount));
  DS_ASSIGN_OR_RETURN(sys::UniqueFd copy, fuse.Duplicate());
  if (Status attached = sys::AttachMount(mount, directory); !attached.ok()) {
    return attached.error().Wrap("target \"" + spec.target + "\"");
  }
  kept_[spec.target] = Kept{{spec, std::move(copy), sys::UniqueFd()},
                            point.device_major,
                            point.device_minor};
  log::Info("mounted", {{"volume", spec.volume_id},
                        {"location", spec.location_id},
                        {"target", spec.target}});
  return FuseConnection{std::move(fuse), true};
}

Result<MountRoot> Mounts::OurMountAt(const std::string& path,
                                     const sys::UniqueFd& directory) const {
  DS_ASSIGN_OR_RETURN(const auto found, MountRootAt(directory));
  if (!found || !IsOurs(found->entry)) {
    return Error{ErrorCode::kNotFound,
                 "no mount of ours is at \"" + path + "\""};
  }
  return *found;
}

Status Mounts::SetReadahead(const std::string& target,
                            std::uint32_t readahead_kib) {
  DS_RETURN_IF_ERROR(CheckReadahead(readahead_kib));
  DS_ASSIGN_OR_RETURN(const sys::UniqueFd directory, tree_.Directory(target));
  DS_ASSIGN_OR_RETURN(const MountRoot root, OurMountAt(target, directory));
  return sys::WriteReadahead(root.point.device_major, root.point.device_minor,
                             readahead_kib);
}

Status Mounts::Bind(const std::string& source, const std::string& target,
                    bool read_only) {
  DS_ASSIGN_OR_RETURN(const sys::UniqueFd from, tree_.Directory(source));
  DS_ASSIGN_OR_RETURN(const MountRoot root, OurMountAt(source, from));
  DS_ASSIGN_OR_RETURN(const sys::UniqueFd to, tree_.Directory(target));
  DS_ASSIGN_OR_RETURN(const auto found, MountRootAt(to));
  if (found) {
    const bool same = IsOurs(found->entry) &&
                      found->point.device_major == root.point.device_major &&
                      found->point.device_minor == root.point.device_minor &&
                      found->entry.read_only == read_only;
    return same ? OkStatus() : Status(Occupied(target, *found));
  }
  DS_ASSIGN_OR_RETURN(const sys::UniqueFd mount,
                      sys::CloneMount(from, read_only));
  if (Status attached = sys::AttachMount(mount, to); !attached.ok()) {
    return attached.error().Wrap("target \"" + target + "\"");
  }
  log::Info("bound", {{"source", source}, {"target", target}});
  return OkStatus();
}

Status Mounts::Unmount(const std::string& target, bool detach) {
  for (int unmounted = 0; unmounted < kStackedMountsMax; ++unmounted) {
    Result<Place> place = tree_.Find(target);
    const bool is_missing = place.ok()
                                ? !place->directory
                                : place.error().code == ErrorCode::kNotFound;
    if (!place.ok() && !is_missing) return std::move(place).error();
    std::optional<MountRoot> found;
    if (!is_missing) {
      DS_ASSIGN_OR_RETURN(found, MountRootAt(place->directory));
    }
    if (!found || !IsOurs(found->entry)) {
      if (found && unmounted == 0) {
        return Error{ErrorCode::kPermissionDenied,
                     "target \"" + target + "\": the mount of type " +
                         found->entry.type + " there is not ours"};
      }
      kept_.erase(target);
      return OkStatus();
    }
    place->directory.Reset();  // It would keep the mount busy.
    if (Status done = sys::Unmount(place->parent, place->name, detach);
        !done.ok()) {
      return done.error().Wrap("target \"" + target + "\"");
    }
    log::Info("unmounted", {{"target", target}});
  }
  return Error{ErrorCode::kFailedPrecondition,
               "target \"" + target + "\": too many mounts on one another"};
}

Result<Mounts::Kept*> Mounts::FindKept(const std::string& target) {
  const auto kept = kept_.find(target);
  if (kept != kept_.end()) return &kept->second;
  return Error{ErrorCode::kNotFound, "no mount is kept for \"" + target + "\""};
}

Status Mounts::PutState(const std::string& target, sys::UniqueFd memfd) {
  DS_ASSIGN_OR_RETURN(Kept* const kept, FindKept(target));
  if (!sys::IsMemfd(memfd)) {
    return Error{ErrorCode::kInvalidArgument, "the state is not a memfd"};
  }
  kept->mount.state_fd = std::move(memfd);
  return OkStatus();
}

Result<std::int32_t> Mounts::OpenBacking(const std::string& target,
                                         const std::string& name,
                                         std::uint64_t inode) {
  DS_ASSIGN_OR_RETURN(Kept* const kept, FindKept(target));
  if (!cache_) {
    return Error{ErrorCode::kFailedPrecondition,
                 "the keeper knows no cache directory; start it with "
                 "--cache-dir"};
  }
  if (kept->backings >= kBackingsPerMountMax) {
    return Error{ErrorCode::kResourceExhausted,
                 "the kernel reads " + std::to_string(kBackingsPerMountMax) +
                     " files of \"" + target + "\" by itself, the limit"};
  }
  DS_ASSIGN_OR_RETURN(const sys::UniqueFd file, cache_->OpenFile(name, inode));
  DS_ASSIGN_OR_RETURN(const std::int32_t id,
                      sys::OpenFuseBacking(kept->mount.fuse_fd, file.get()));
  ++kept->backings;
  return id;
}

Status Mounts::CloseBacking(const std::string& target, std::int32_t id) {
  DS_ASSIGN_OR_RETURN(Kept* const kept, FindKept(target));
  const Status closed = sys::CloseFuseBacking(kept->mount.fuse_fd, id);
  if (closed.ok() && kept->backings > 0) --kept->backings;
  return closed;
}

bool Mounts::IsFuseDevice(const sys::UniqueFd& fd) const {
  struct stat given = {};
  struct stat device = {};
  return ::fstat(fd.get(), &given) == 0 &&
         ::stat(fuse_device_path_.c_str(), &device) == 0 &&
         S_ISCHR(given.st_mode) && given.st_rdev == device.st_rdev;
}

Status Mounts::Adopt(const MountSpec& spec, sys::UniqueFd fuse_fd,
                     sys::UniqueFd state_fd) {
  DS_RETURN_IF_ERROR(CheckSpec(spec));
  if (!IsFuseDevice(fuse_fd) || (state_fd && !sys::IsMemfd(state_fd))) {
    return Error{ErrorCode::kInvalidArgument,
                 "a given descriptor is not /dev/fuse or not a memfd"};
  }
  DS_ASSIGN_OR_RETURN(const sys::UniqueFd directory,
                      tree_.Directory(spec.target));
  DS_ASSIGN_OR_RETURN(const MountRoot root, OurMountAt(spec.target, directory));
  const auto kept = kept_.find(spec.target);
  if (kept != kept_.end()) {
    if (kept->second.mount.spec == spec) return OkStatus();
    return Error{ErrorCode::kAlreadyExists,
                 "another mount is kept for \"" + spec.target + "\""};
  }
  if (kept_.size() >= kKeptMountsMax) {
    return Error{ErrorCode::kResourceExhausted, "too many kept mounts"};
  }
  kept_[spec.target] = Kept{{spec, std::move(fuse_fd), std::move(state_fd)},
                            root.point.device_major,
                            root.point.device_minor};
  log::Info("adopted", {{"volume", spec.volume_id}, {"target", spec.target}});
  return OkStatus();
}

const KeptMount* Mounts::Next(const std::string& after) const {
  const auto next = kept_.upper_bound(after);
  return next == kept_.end() ? nullptr : &next->second.mount;
}

void Mounts::ForgetEnded() {
  std::erase_if(kept_, [](const auto& item) {
    if (!HasEnded(item.second.mount.fuse_fd)) return false;
    log::Info("connection has ended", {{"target", item.first}});
    return true;
  });
}

}  // namespace datashim::keeper
