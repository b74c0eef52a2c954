// What FsError is as an errno: the only place that says so.

#pragma once

#include "fs/file_system.h"

namespace datashim::fuse {

/// A positive errno, such as ENOENT.
int ErrnoOf(fs::FsError error);

}  // namespace datashim::fuse
