#include "node/keeper_backing_files.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>

#include "base/clock.h"
#include "sys/errno_error.h"

namespace datashim::node {
namespace {

// An open(2) waits for it. Without an answer the file is read through us.
constexpr std::chrono::seconds kRegisterTimeout{1};

}  // namespace

Result<std::int32_t> KeeperBackingFiles::Register(const fs::BackingFile& file) {
  struct stat found = {};
  if (::fstat(file.fd, &found) != 0) {
    return sys::ErrnoError(errno, "fstat of a cache file");
  }
  return keeper_.OpenBacking(target_, file.name, found.st_ino,
                             Deadline::After(kRegisterTimeout));
}

}  // namespace datashim::node
