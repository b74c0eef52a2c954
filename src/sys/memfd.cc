#include "sys/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "sys/errno_error.h"

namespace datashim::sys {

Result<UniqueFd> CreateMemfd(const std::string& name) {
  UniqueFd fd(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return ErrnoError(errno, "make the memory file \"" + name + "\"");
  return fd;
}

bool IsMemfd(const UniqueFd& fd) { return ::fcntl(fd.get(), F_GET_SEALS) >= 0; }

}  // namespace datashim::sys
