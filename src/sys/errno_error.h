// Errors out of errno: one place that says which code an errno of a system call
// is. (What FUSE answers to the kernel is fuse/errno_map's business.)

#pragma once

#include <string_view>

#include "base/result.h"

namespace datashim::sys {

/// The error of a failed system call: "<what>: <strerror(error_number)>".
Error ErrnoError(int error_number, std::string_view what);

/// The code that ErrnoError gives, such as kNotFound for ENOENT.
ErrorCode CodeOfErrno(int error_number);

}  // namespace datashim::sys
