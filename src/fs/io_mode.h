// IoModes: the kernel's rules of how the open files of one inode may be read,
// so that no open is answered in a way that the kernel refuses with EIO. Pure.

#pragma once

#include <cstdint>

namespace datashim::fs {

/// How the kernel reads and writes an open file.
enum class IoMode : std::uint8_t {
  kDirect,       ///< Asks us for every read and write.
  kCached,       ///< Asks us for the pages it does not have.
  kPassthrough,  ///< Reads a local file itself.
};

/// The open files of one inode. An inode is cached or passed through, and the
/// latter with one local file only (Linux, fs/fuse/iomode.c):
///
///   open so far     | direct | cached | passthrough
///   none or direct  | yes    | yes    | yes
///   also cached     | yes    | yes    | new inode
///   passthrough     | new    | new    | yes if it is the same local file
///
/// "New inode": the name has to become another inode, of which nothing is open.
/// Thread-compatible.
class IoModes {
 public:
  /// `same_file`: the local file is the one of those that are open.
  bool NeedsNewInode(IoMode wanted, bool same_file) const {
    if (passthrough_ > 0) return wanted != IoMode::kPassthrough || !same_file;
    return wanted == IoMode::kPassthrough && cached_ > 0;
  }
  /// REQUIRES: it does not need a new inode.
  void Opened(IoMode mode) { Count(mode, 1); }
  void Closed(IoMode mode) { Count(mode, -1); }

  bool passes_through() const { return passthrough_ > 0; }

 private:
  void Count(IoMode mode, int change) {
    if (mode == IoMode::kCached) cached_ += change;
    if (mode == IoMode::kPassthrough) passthrough_ += change;
  }

  int cached_ = 0;
  int passthrough_ = 0;
};

}  // namespace datashim::fs
