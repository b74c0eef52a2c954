#include "sys/errno_error.h"

#include <cerrno>
#include <string>
#include <system_error>

namespace datashim::sys {

ErrorCode CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kAlreadyExists;
    case EPERM:
    case EACCES:
      return ErrorCode::kPermissionDenied;
    case EINVAL:
    case ENOTDIR:
    case ELOOP:
    case EXDEV:
    case ENAMETOOLONG:
      return ErrorCode::kInvalidArgument;
    case EBUSY:
    case ENOTEMPTY:
    case EADDRINUSE:
      return ErrorCode::kFailedPrecondition;
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
      return ErrorCode::kResourceExhausted;
    case EAGAIN:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
      return ErrorCode::kUnavailable;
    case ETIMEDOUT:
      return ErrorCode::kDeadlineExceeded;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::kUnimplemented;
    default:
      return ErrorCode::kInternal;
  }
}

Error ErrnoError(int error_number, std::string_view what) {
  return {
      CodeOfErrno(error_number),
      std::string(what) + ": " + std::generic_category().message(error_number)};
}

}  // namespace datashim::sys
