#include "sys/fuse_backing.h"

#include <sys/ioctl.h>

#include <cerrno>

#include "sys/errno_error.h"

namespace datashim::sys {
namespace {

// struct fuse_backing_map of a <linux/fuse.h> that is newer than Debian's.
struct BackingMap {
  std::int32_t fd;
  std::uint32_t flags;
  std::uint64_t padding;
};

}  // namespace

const unsigned long kFuseBackingOpen = _IOW(229, 1, BackingMap);
const unsigned long kFuseBackingClose = _IOW(229, 2, std::uint32_t);

Result<std::int32_t> OpenFuseBacking(const UniqueFd& device, int fd) {
  BackingMap map{fd, 0, 0};
  const int id = ::ioctl(device.get(), kFuseBackingOpen, &map);
  if (id <= 0) return ErrnoError(errno, "FUSE_DEV_IOC_BACKING_OPEN");
  return id;
}

Status CloseFuseBacking(const UniqueFd& device, std::int32_t id) {
  if (::ioctl(device.get(), kFuseBackingClose, &id) == 0) return OkStatus();
  return ErrnoError(errno, "FUSE_DEV_IOC_BACKING_CLOSE");
}

}  // namespace datashim::sys
