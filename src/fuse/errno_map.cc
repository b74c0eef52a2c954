#include "fuse/errno_map.h"

#include <cerrno>

namespace datashim::fuse {

int ErrnoOf(fs::FsError error) {
  switch (error) {
    case fs::FsError::kNotFound:
      return ENOENT;
    case fs::FsError::kExists:
      return EEXIST;
    case fs::FsError::kNotDirectory:
      return ENOTDIR;
    case fs::FsError::kIsDirectory:
      return EISDIR;
    case fs::FsError::kNotEmpty:
      return ENOTEMPTY;
    case fs::FsError::kReadOnly:
      return EROFS;
    case fs::FsError::kPermission:
      return EACCES;
    case fs::FsError::kNotSupported:
      return EOPNOTSUPP;
    case fs::FsError::kInvalid:
      return EINVAL;
    case fs::FsError::kNameTooLong:
      return ENAMETOOLONG;
    case fs::FsError::kTooLarge:
      return EFBIG;
    case fs::FsError::kNoSpace:
      return ENOSPC;
    case fs::FsError::kStale:
      return ESTALE;
    case fs::FsError::kBadHandle:
      return EBADF;
    case fs::FsError::kBusy:
      return EBUSY;
    case fs::FsError::kCrossDevice:
      return EXDEV;
    case fs::FsError::kTimedOut:
      return ETIMEDOUT;
    case fs::FsError::kInterrupted:
      return EINTR;
    case fs::FsError::kIo:
      return EIO;
  }
  return EIO;
}

}  // namespace datashim::fuse
