#include "sys/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "sys/errno_error.h"

namespace datashim::sys {

void UniqueFd::Reset(int fd) {
  // close(2) releases the number even when it reports an error.
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

Result<UniqueFd> UniqueFd::Duplicate() const {
  UniqueFd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  if (!copy) return ErrnoError(errno, "duplicate a file descriptor");
  return copy;
}

}  // namespace datashim::sys
