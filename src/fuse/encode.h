// Turns answers of the file system into the kernel's structures. Pure.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/clock.h"
#include "fs/file_system.h"
#include "fuse/protocol.h"

namespace datashim::fuse {

wire::Attr ToAttr(const fs::Attributes& attributes);
wire::AttrOut ToAttrOut(const fs::Entry& entry);
wire::EntryOut ToEntryOut(const fs::Entry& entry);
wire::OpenOut ToOpenOut(const fs::OpenResult& open);
wire::StatfsOut ToStatfsOut(const fs::StatFs& statfs);

/// Packs the reply of READDIR or READDIRPLUS. Thread-compatible.
class DirectoryPacker {
 public:
  /// The reply has at most `bytes_max` bytes.
  DirectoryPacker(std::size_t bytes_max, bool plus)
      : bytes_max_(bytes_max), plus_(plus) {}

  /// @return false, and leaves the reply as it is, if there is no room.
  bool Append(const fs::DirectoryEntry& entry);

  std::span<const std::byte> bytes() const { return bytes_; }
  /// The inodes whose lookups the reply hands to the kernel: with `plus`, all
  /// but those of "." and "..".
  const std::vector<fs::InodeId>& looked_up() const { return looked_up_; }

 private:
  const std::size_t bytes_max_;
  const bool plus_;
  std::vector<std::byte> bytes_;
  std::vector<fs::InodeId> looked_up_;
};

}  // namespace datashim::fuse
