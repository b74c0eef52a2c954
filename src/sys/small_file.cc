#include "sys/small_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "sys/errno_error.h"
#include "sys/unique_fd.h"

namespace datashim::sys {
namespace {

Status WriteAll(const UniqueFd& fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError(errno, "write");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return OkStatus();
}

Status WriteAndSync(const UniqueFd& fd, std::string_view content, mode_t mode) {
  DS_RETURN_IF_ERROR(WriteAll(fd, content));
  if (::fchmod(fd.get(), mode) != 0) return ErrnoError(errno, "chmod");
  if (::fsync(fd.get()) != 0) return ErrnoError(errno, "fsync");
  return OkStatus();
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return ErrnoError(errno, "open \"" + path + "\"");
  std::string content;
  std::array<char, 16384> buffer;
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "read \"" + path + "\"");
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > bytes_max) {
      return Error{ErrorCode::kResourceExhausted,
                   "read \"" + path + "\": it has more than " +
                       std::to_string(bytes_max) + " bytes"};
    }
  }
}

Status WriteFileAtomically(const std::string& path, std::string_view content,
                           mode_t mode) {
  const std::string what = "write \"" + path + "\"";
  std::string temporary = path + ".XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return ErrnoError(errno, what);
  Status written = WriteAndSync(fd, content, mode);
  if (written.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    written = ErrnoError(errno, "rename");
  }
  if (!written.ok()) {
    ::unlink(temporary.c_str());
    return written.error().Wrap(what);
  }

  // The new name itself must reach the disk too.
  std::string folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  const UniqueFd directory(
      ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) {
    return ErrnoError(errno, what + ": fsync of its directory");
  }
  return OkStatus();
}

}  // namespace datashim::sys
