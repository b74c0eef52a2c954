// What a process gives up for good: capabilities, new privileges by exec, and
// system calls.

#pragma once

#include <span>

#include "base/result.h"

namespace datashim::sys {

/// Drops every capability but `kept` (CAP_* of <linux/capability.h>) from all
/// sets of the calling thread, the bounding set included where it has
/// CAP_SETPCAP, and sets no_new_privs. Threads started later inherit
/// it, so call it before there are others. Keeping what the thread does not
/// have is kPermissionDenied.
Status DropPrivileges(std::span<const int> kept);

/// Allows the named system calls, and ioctl(2) with those commands, only, in
/// all threads; every other one fails with EPERM. Names that this architecture
/// does not have are left out. Needs no_new_privs or CAP_SYS_ADMIN.
Status AllowSystemCalls(std::span<const char* const> names,
                        std::span<const unsigned long> ioctls = {});

}  // namespace datashim::sys
