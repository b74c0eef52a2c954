// For tests that mount: a mount namespace of the test's own, so that nothing is
// left behind and nobody else sees it.

#pragma once

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace datashim::sys::testing {

/// Moves the calling thread, and those it starts later, to a private copy of
/// the mount namespace. Once per process. @return false unless root.
inline bool EnterPrivateMounts() {
  static const bool entered =
      ::geteuid() == 0 && ::unshare(CLONE_NEWNS) == 0 &&
      ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return entered;
}

/// A fresh directory, removed with what is in it. Unmount first.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name =
        (std::filesystem::temp_directory_path() / "datashim-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace datashim::sys::testing
