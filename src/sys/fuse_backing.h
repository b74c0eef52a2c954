// Local files that the kernel reads by itself for a FUSE mount (passthrough,
// Linux 6.9): the two ioctls on /dev/fuse.

#pragma once

#include <cstdint>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace datashim::sys {

/// The commands of ioctl(2), for system call filters.
extern const unsigned long kFuseBackingOpen;
extern const unsigned long kFuseBackingClose;

/// Hands the regular file `fd` to the kernel, which keeps it open and reads it
/// with the credentials of the caller. `device`: /dev/fuse of a mount whose
/// INIT agreed on passthrough.
/// @return its number in open replies, > 0. kPermissionDenied without
///     CAP_SYS_ADMIN or that agreement.
Result<std::int32_t> OpenFuseBacking(const UniqueFd& device, int fd);

/// Takes it back; files that are open stay as they are.
/// @return kNotFound for a number that is none.
Status CloseFuseBacking(const UniqueFd& device, std::int32_t id);

}  // namespace datashim::sys
