// The FUSE wire protocol, 7.31 to 7.45, as far as we speak it: numbers and
// structures exactly as the kernel reads and writes them (its
// include/uapi/linux/fuse.h is the source; Debian's copy ends at 7.38). All
// integers have the machine's byte order. protocol.cc checks the layout.

#pragma once

#include <cstddef>
#include <cstdint>

namespace datashim::fuse::wire {

inline constexpr std::uint32_t kMajor = 7;
inline constexpr std::uint32_t kMinorMin = 31;  // Linux 5.4
inline constexpr std::uint32_t kMinorMax = 45;  // Linux 6.18

/// What a request asks for. Others are answered with ENOSYS.
enum class Opcode : std::uint32_t {
  kLookup = 1,
  kForget = 2,
  kGetattr = 3,
  kSetattr = 4,
  kSymlink = 6,
  kMknod = 8,
  kMkdir = 9,
  kUnlink = 10,
  kRmdir = 11,
  kRename = 12,
  kLink = 13,
  kOpen = 14,
  kRead = 15,
  kWrite = 16,
  kStatfs = 17,
  kRelease = 18,
  kFsync = 20,
  kFlush = 25,
  kInit = 26,
  kOpendir = 27,
  kReaddir = 28,
  kReleasedir = 29,
  kCreate = 35,
  kInterrupt = 36,
  kDestroy = 38,
  kBatchForget = 42,
  kReaddirplus = 44,
  kRename2 = 45,
};

// INIT flags; bits 32 and up travel in flags2.
inline constexpr std::uint64_t kAsyncRead = 1u << 0;
inline constexpr std::uint64_t kAtomicOTrunc = 1u << 3;
inline constexpr std::uint64_t kBigWrites = 1u << 5;
inline constexpr std::uint64_t kDoReaddirplus = 1u << 13;
inline constexpr std::uint64_t kReaddirplusAuto = 1u << 14;
inline constexpr std::uint64_t kParallelDirops = 1u << 18;
inline constexpr std::uint64_t kMaxPages = 1u << 22;
inline constexpr std::uint64_t kExplicitInvalData = 1u << 25;
inline constexpr std::uint64_t kInitExt = 1u << 30;
inline constexpr std::uint64_t kPassthrough = std::uint64_t{1} << 37;
inline constexpr std::uint64_t kNoExportSupport = std::uint64_t{1} << 38;
inline constexpr std::uint64_t kHasResend = std::uint64_t{1} << 39;

// SetattrIn::valid
inline constexpr std::uint32_t kSetMode = 1u << 0;
inline constexpr std::uint32_t kSetUid = 1u << 1;
inline constexpr std::uint32_t kSetGid = 1u << 2;
inline constexpr std::uint32_t kSetSize = 1u << 3;
inline constexpr std::uint32_t kSetMtime = 1u << 5;
inline constexpr std::uint32_t kSetFh = 1u << 6;
inline constexpr std::uint32_t kSetMtimeNow = 1u << 8;

// WriteIn::write_flags
inline constexpr std::uint32_t kWriteLockOwner = 1u << 1;

// OpenOut::open_flags
inline constexpr std::uint32_t kOpenDirectIo = 1u << 0;
inline constexpr std::uint32_t kOpenKeepCache = 1u << 1;
inline constexpr std::uint32_t kOpenNoFlush = 1u << 5;
inline constexpr std::uint32_t kOpenPassthrough = 1u << 7;

// Notifications: OutHeader::error with unique 0.
inline constexpr std::int32_t kNotifyInvalInode = 2;
inline constexpr std::int32_t kNotifyInvalEntry = 3;

/// Leads every request.
struct InHeader {
  std::uint32_t len, opcode;
  std::uint64_t unique, nodeid;
  std::uint32_t uid, gid, pid;
  std::uint16_t total_extlen, padding;
};

/// Leads every reply and notification.
struct OutHeader {
  std::uint32_t len;
  std::int32_t error;
  std::uint64_t unique;
};

/// Kernels before 7.36 send the first 16 bytes only.
struct InitIn {
  std::uint32_t major, minor, max_readahead, flags;
  std::uint32_t flags2, unused[11];
};

struct InitOut {
  std::uint32_t major, minor, max_readahead, flags;
  std::uint16_t max_background, congestion_threshold;
  std::uint32_t max_write, time_gran;
  std::uint16_t max_pages, map_alignment;
  std::uint32_t flags2, max_stack_depth;
  std::uint16_t request_timeout, unused[11];
};

struct Attr {
  std::uint64_t ino, size, blocks, atime, mtime, ctime;
  std::uint32_t atimensec, mtimensec, ctimensec;
  std::uint32_t mode, nlink, uid, gid, rdev, blksize, flags;
};

struct EntryOut {
  std::uint64_t nodeid, generation, entry_valid, attr_valid;
  std::uint32_t entry_valid_nsec, attr_valid_nsec;
  Attr attr;
};

struct AttrOut {
  std::uint64_t attr_valid;
  std::uint32_t attr_valid_nsec, dummy;
  Attr attr;
};

struct SetattrIn {
  std::uint32_t valid, padding;
  std::uint64_t fh, size, lock_owner, atime, mtime, ctime;
  std::uint32_t atimensec, mtimensec, ctimensec, mode;
  std::uint32_t unused4, uid, gid, unused5;
};

/// OPEN and OPENDIR.
struct OpenIn {
  std::uint32_t flags, open_flags;
};

struct CreateIn {
  std::uint32_t flags, mode, umask, open_flags;
};

struct OpenOut {
  std::uint64_t fh;
  std::uint32_t open_flags;
  std::int32_t backing_id;  // 0: no passthrough.
};

/// What CREATE answers.
struct CreateOut {
  EntryOut entry;
  OpenOut open;
};

/// RELEASE, RELEASEDIR and, with other names for its integers, FLUSH.
struct ReleaseIn {
  std::uint64_t fh;
  std::uint32_t flags, release_flags;
  std::uint64_t lock_owner;
};

struct FsyncIn {
  std::uint64_t fh;
  std::uint32_t fsync_flags, padding;
};

/// READ, READDIR and READDIRPLUS.
struct ReadIn {
  std::uint64_t fh, offset;
  std::uint32_t size, read_flags;
  std::uint64_t lock_owner;
  std::uint32_t flags, padding;
};

struct WriteIn {
  std::uint64_t fh, offset;
  std::uint32_t size, write_flags;
  std::uint64_t lock_owner;
  std::uint32_t flags, padding;
};

struct WriteOut {
  std::uint32_t size, padding;
};

struct MkdirIn {
  std::uint32_t mode, umask;
};

struct MknodIn {
  std::uint32_t mode, rdev, umask, padding;
};

struct RenameIn {
  std::uint64_t newdir;
};

struct Rename2In {
  std::uint64_t newdir;
  std::uint32_t flags, padding;
};

struct ForgetIn {
  std::uint64_t nlookup;
};

struct BatchForgetIn {
  std::uint32_t count, dummy;
};

struct ForgetOne {
  std::uint64_t nodeid, nlookup;
};

struct InterruptIn {
  std::uint64_t unique;
};

struct StatfsOut {
  std::uint64_t blocks, bfree, bavail, files, ffree;
  std::uint32_t bsize, namelen, frsize, padding, spare[6];
};

/// The name follows, padded with zeros to 8 bytes.
struct Dirent {
  std::uint64_t ino, off;
  std::uint32_t namelen, type;
};

struct DirentPlus {
  EntryOut entry;
  Dirent dirent;
};

struct NotifyInvalInode {
  std::uint64_t ino;
  std::int64_t off, len;
};

/// The name follows, with a zero byte.
struct NotifyInvalEntry {
  std::uint64_t parent;
  std::uint32_t namelen, flags;
};

}  // namespace datashim::fuse::wire
