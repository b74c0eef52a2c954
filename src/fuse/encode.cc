#include "fuse/encode.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace datashim::fuse {
namespace {

// st_blksize. Programs with buffered output (stdio, Python) write in this unit,
// and each write of an open file is one request: 4 KiB would be slow.
constexpr std::uint32_t kBlockBytes = 128u << 10;
constexpr std::uint32_t kStatfsBlockBytes = 4096;
constexpr std::uint32_t kNameBytesMax = 255;

struct WireTime {
  std::uint64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
};

/// Rounds down, so that nanoseconds are never negative before 1970.
WireTime ToWireTime(Duration since_epoch) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  return {static_cast<std::uint64_t>(seconds.count()),
          static_cast<std::uint32_t>((since_epoch - seconds).count())};
}

WireTime ToTimeout(Duration valid_for) {
  return ToWireTime(std::max(valid_for, Duration::zero()));
}

std::uint32_t TypeBits(fs::FileType type) {
  return type == fs::FileType::kDirectory ? S_IFDIR : S_IFREG;
}

template <typename T>
std::byte* Put(std::byte* out, const T& value) {
  std::memcpy(out, &value, sizeof(value));
  return out + sizeof(value);
}

}  // namespace

wire::Attr ToAttr(const fs::Attributes& attributes) {
  const WireTime modified = ToWireTime(attributes.modified.time_since_epoch());
  wire::Attr attr{};
  attr.ino = attributes.inode;
  attr.size = attributes.size;
  attr.blocks = attributes.size / 512 + (attributes.size % 512 != 0);
  attr.atime = attr.mtime = attr.ctime = modified.seconds;
  attr.atimensec = attr.mtimensec = attr.ctimensec = modified.nanoseconds;
  attr.mode = TypeBits(attributes.type) | (attributes.mode & 07777);
  // 1 for directories, too: it tells find(1) that the number of links says
  // nothing about subdirectories.
  attr.nlink = 1;
  attr.uid = attributes.uid;
  attr.gid = attributes.gid;
  attr.blksize = kBlockBytes;
  return attr;
}

wire::AttrOut ToAttrOut(const fs::Entry& entry) {
  const WireTime valid = ToTimeout(entry.valid_for);
  return {valid.seconds, valid.nanoseconds, 0, ToAttr(entry.attributes)};
}

wire::EntryOut ToEntryOut(const fs::Entry& entry) {
  const WireTime valid = ToTimeout(entry.valid_for);
  wire::EntryOut out{};
  out.nodeid = entry.attributes.inode;
  out.entry_valid = out.attr_valid = valid.seconds;
  out.entry_valid_nsec = out.attr_valid_nsec = valid.nanoseconds;
  out.attr = ToAttr(entry.attributes);
  return out;
}

wire::OpenOut ToOpenOut(const fs::OpenResult& open) {
  wire::OpenOut out{};
  out.fh = open.handle;
  if (open.direct_io) out.open_flags |= wire::kOpenDirectIo;
  if (open.keep_cache) out.open_flags |= wire::kOpenKeepCache;
  if (open.no_flush) out.open_flags |= wire::kOpenNoFlush;
  if (open.backing_id > 0) {
    out.open_flags |= wire::kOpenPassthrough;
    out.backing_id = open.backing_id;
  }
  return out;
}

wire::StatfsOut ToStatfsOut(const fs::StatFs& statfs) {
  wire::StatfsOut out{};
  out.blocks = statfs.total_bytes / kStatfsBlockBytes;
  out.bfree = statfs.free_bytes / kStatfsBlockBytes;
  out.bavail = out.bfree;
  out.files = statfs.total_inodes;
  out.ffree = statfs.free_inodes;
  out.bsize = kStatfsBlockBytes;
  out.frsize = kStatfsBlockBytes;
  out.namelen = kNameBytesMax;
  return out;
}

bool DirectoryPacker::Append(const fs::DirectoryEntry& entry) {
  const std::size_t head =
      plus_ ? sizeof(wire::DirentPlus) : sizeof(wire::Dirent);
  const std::size_t padded = (head + entry.name.size() + 7) / 8 * 8;
  if (padded > bytes_max_ - bytes_.size()) return false;
  const std::size_t start = bytes_.size();
  bytes_.resize(start + padded);  // With zeros.
  std::byte* out = bytes_.data() + start;

  const fs::Attributes& attributes = entry.entry.attributes;
  if (plus_) {
    wire::EntryOut entry_out = ToEntryOut(entry.entry);
    if (entry.name == "." || entry.name == "..") {
      entry_out.nodeid = 0;  // The kernel takes no lookup for these two.
    } else {
      looked_up_.push_back(attributes.inode);
    }
    out = Put(out, entry_out);
  }
  wire::Dirent dirent{};
  dirent.ino = attributes.inode;
  dirent.off = entry.next_offset;
  dirent.namelen = static_cast<std::uint32_t>(entry.name.size());
  dirent.type = IFTODT(TypeBits(attributes.type));
  out = Put(out, dirent);
  std::memcpy(out, entry.name.data(), entry.name.size());
  return true;
}

}  // namespace datashim::fuse
