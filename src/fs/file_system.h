// FileSystem: a bucket seen as files and directories, by inode number.
//
// Knows no FUSE, no Kubernetes and no S3. `fuse` translates requests of the
// kernel into these calls; `store::ObjectStore` is where the bytes are. What
// is promised to users is in docs/SEMANTICS.md, each sentence a test.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/object_store.h"

namespace datashim::cache {
class Cache;
}
namespace datashim::fs {
class BackingFiles;
class BufferPool;

/// Never reused while the process lives. A version of an object that somebody
/// else wrote gets a new one, so that what the kernel cached for the old one
/// stays true; a file written through this file system keeps its own.
using InodeId = std::uint64_t;
inline constexpr InodeId kRootInode = 1;

/// Names an open file or directory; made by Open, Create and OpenDirectory.
using HandleId = std::uint64_t;

/// What a failed operation means in POSIX terms. ErrorCode is too coarse for
/// a file system: ENOTDIR, EISDIR and ENOTEMPTY are all preconditions.
enum class FsError {
  kNotFound,      // ENOENT
  kExists,        // EEXIST
  kNotDirectory,  // ENOTDIR
  kIsDirectory,   // EISDIR
  kNotEmpty,      // ENOTEMPTY
  kReadOnly,      // EROFS
  kPermission,    // EACCES: the store refused
  kNotSupported,  // EOPNOTSUPP
  kInvalid,       // EINVAL
  kNameTooLong,   // ENAMETOOLONG
  kTooLarge,      // EFBIG
  kNoSpace,       // ENOSPC
  kStale,         // ESTALE: the object changed under an open handle
  kCrossDevice,   // EXDEV: rename of a directory; mv copies instead
  kBadHandle,     // EBADF
  kBusy,          // EBUSY
  kTimedOut,      // ETIMEDOUT
  kInterrupted,   // EINTR
  kIo,            // EIO
};

/// Value or FsError, with the text that went to the log.
struct FsFailure {
  FsError error = FsError::kIo;
  std::string message;
};

/// A T or an FsFailure, as Result is a T or an Error.
template <typename T>
class [[nodiscard]] FsResult {
 public:
  FsResult(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  FsResult(FsFailure failure)
      : state_(std::in_place_index<1>, std::move(failure)) {}
  FsResult(FsError error) : FsResult(FsFailure{error, {}}) {}

  bool ok() const { return state_.index() == 0; }
  /// REQUIRES: ok().
  T& value() & { return Checked<0>(state_); }
  const T& value() const& { return Checked<0>(state_); }
  T&& value() && { return std::move(Checked<0>(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  /// REQUIRES: !ok().
  const FsFailure& failure() const { return Checked<1>(state_); }
  FsError error() const { return failure().error; }

 private:
  template <std::size_t I, typename State>
  static auto& Checked(State& state) {
    DS_CHECK(state.index() == I);
    return *std::get_if<I>(&state);
  }
  std::variant<T, FsFailure> state_;
};

using FsStatus = FsResult<std::monostate>;

/// An object store has no other types.
enum class FileType : std::uint8_t { kFile, kDirectory };

/// What stat(2) shows.
struct Attributes {
  InodeId inode = 0;
  FileType type = FileType::kFile;
  std::uint64_t size = 0;
  WallTime modified;
  std::uint32_t mode = 0;  ///< Permission bits only (07777).
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// An answer the kernel may keep for `valid_for`.
struct Entry {
  Attributes attributes;
  Duration valid_for{};
};

/// What of a file SetAttributes changes.
struct AttributeChange {
  std::optional<std::uint64_t> size;
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<WallTime> modified;
  std::optional<HandleId> handle;  ///< ftruncate; size applies to this handle.
};

/// The flags of open(2) that matter here.
struct OpenFlags {
  bool read = false;
  bool write = false;
  bool append = false;
  bool truncate = false;
  bool exclusive = false;  ///< Create only: O_EXCL.
};

/// An open handle, and how the kernel may cache for it.
struct OpenResult {
  HandleId handle = 0;
  /// The kernel may keep the pages it has of this inode (FOPEN_KEEP_CACHE).
  bool keep_cache = false;
  /// Reads and writes go around the page cache (FOPEN_DIRECT_IO).
  bool direct_io = false;
  /// No close(2) of it needs a Flush (FOPEN_NOFLUSH).
  bool no_flush = false;
  /// The kernel reads this local file itself (FOPEN_PASSTHROUGH); 0: none.
  std::int32_t backing_id = 0;
};

/// A new file, looked up once and open.
struct CreateResult {
  Entry entry;
  OpenResult open;
};

/// One name of a directory stream.
struct DirectoryEntry {
  std::string name;
  Entry entry;
  /// Pass it back to ReadDirectory to go on behind this entry.
  std::uint64_t next_offset = 0;
};

/// Sizes for statfs(2). An object store has no end: the numbers are large.
struct StatFs {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t total_inodes = 0;
  std::uint64_t free_inodes = 0;
};

/// Bytes for a read reply. `pieces` point into buffers that `owner` keeps
/// alive; they are valid until `owner` is released.
struct ReadReply {
  std::vector<std::span<const std::byte>> pieces;
  std::shared_ptr<const void> owner;

  std::size_t size() const {
    std::size_t total = 0;
    for (const auto& piece : pieces) total += piece.size();
    return total;
  }
};
/// Called exactly once, from the calling thread or from a fetch thread.
using ReadDone = std::function<void(FsResult<ReadReply>)>;

/// Tells apart the processes that share one open file: FUSE's lock_owner. 0 is
/// "not known".
using OwnerId = std::uint64_t;

/// Who asks; new files belong to them.
struct Caller {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// Thread-safe. Calls block on the store unless said otherwise; Read does on
/// the local disk at most. Every LookUp, Create,
/// MakeDirectory and entry handed out by ReadDirectory with `count_lookups`
/// adds one lookup to its inode, which Forget takes away: an inode with lookups
/// or handles is never dropped.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual FsResult<Entry> LookUp(InodeId parent, std::string_view name) = 0;
  virtual void Forget(InodeId inode, std::uint64_t lookups) = 0;
  virtual FsResult<Entry> GetAttributes(InodeId inode) = 0;
  virtual FsResult<Entry> SetAttributes(InodeId inode,
                                        const AttributeChange& change) = 0;

  virtual FsResult<HandleId> OpenDirectory(InodeId inode) = 0;
  /// Entries behind `offset` (0: from the start, with "." and ".."), as many
  /// as `accept` returns true for; it returns false when its buffer is full,
  /// and then that entry is not counted as looked up. "." and ".." never are.
  virtual FsStatus ReadDirectory(
      HandleId handle, std::uint64_t offset, bool count_lookups,
      const std::function<bool(const DirectoryEntry&)>& accept) = 0;
  virtual void ReleaseDirectory(HandleId handle) = 0;

  virtual FsResult<OpenResult> Open(InodeId inode, OpenFlags flags) = 0;
  virtual FsResult<CreateResult> Create(InodeId parent, std::string_view name,
                                        std::uint32_t mode, OpenFlags flags,
                                        Caller caller) = 0;
  /// Reads up to range.size bytes; fewer only at the end of the file.
  virtual void Read(HandleId handle, store::ByteRange range, ReadDone done) = 0;
  /// @return bytes taken: all of them.
  virtual FsResult<std::size_t> Write(HandleId handle, std::uint64_t offset,
                                      std::span<const std::byte> data,
                                      OwnerId owner) = 0;
  /// close(2) of one descriptor: returns when the object is in the store, or
  /// with the error why it is not. May be called several times per handle. A
  /// child that closes what it inherited, and did not write, is told apart by
  /// `owner` and does not end an upload under way.
  virtual FsStatus Flush(HandleId handle, OwnerId owner) = 0;
  virtual FsStatus Sync(HandleId handle) = 0;
  /// The last descriptor is gone. The handle is invalid from here on.
  virtual void Release(HandleId handle) = 0;

  virtual FsResult<Entry> MakeDirectory(InodeId parent, std::string_view name,
                                        std::uint32_t mode, Caller caller) = 0;
  virtual FsStatus RemoveDirectory(InodeId parent, std::string_view name) = 0;
  virtual FsStatus Unlink(InodeId parent, std::string_view name) = 0;
  /// `no_replace`: RENAME_NOREPLACE.
  virtual FsStatus Rename(InodeId parent, std::string_view name,
                          InodeId new_parent, std::string_view new_name,
                          bool no_replace) = 0;
  virtual StatFs GetStatFs() = 0;

  /// The kernel can read local files by itself; nullptr: no more.
  virtual void UseBackingFiles(std::shared_ptr<BackingFiles>) {}
};

/// Receives what the file system wants the kernel to forget. Implemented by
/// fuse::Session; called from threads that answer no request.
class KernelCache {
 public:
  virtual ~KernelCache() = default;
  /// Drops attributes and all pages of the inode.
  virtual void InvalidateInode(InodeId inode) = 0;
  virtual void InvalidateEntry(InodeId parent, std::string_view name) = 0;
};

/// Limits and behaviour of one mounted file system. Every limit has a unit.
struct FileSystemOptions {
  bool read_only = false;
  /// How long attributes and listings are served without asking the store.
  Duration metadata_ttl = std::chrono::seconds(1);
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t file_mode = 0666;
  std::uint32_t directory_mode = 0777;
  /// For read-ahead and uploads, hard; `memory`: shared, see MakeMemory.
  std::uint64_t memory_bytes_max = std::uint64_t{256} << 20;
  std::shared_ptr<BufferPool> memory;
  /// Ranged GETs under way at once.
  std::uint32_t fetches_max = 16;
  /// Parts of one upload under way at once.
  std::uint32_t part_uploads_max = 4;
  std::uint64_t part_bytes = std::uint64_t{8} << 20;
  Duration request_timeout = std::chrono::seconds(60);
};

/// The local disk on which a file system keeps copies of what is read.
struct DiskCache {
  std::shared_ptr<cache::Cache> cache;  ///< nullptr: none.
  /// Endpoint and bucket, and what leads the keys there: together with a key
  /// they name an object for everybody who uses the cache.
  std::string origin;
  std::string key_prefix;
};

/// What the store has just said of the root, listed by "/": its first page. Who
/// asks whether a bucket can be read saves the first reader the same question.
struct RootPage {
  store::ListPage page;
  MonotonicTime asked;  ///< By the file system's clock.
};

/// Makes the file system over `store`, which it shares. Starts its threads;
/// they end with it.
std::unique_ptr<FileSystem> MakeFileSystem(
    std::shared_ptr<store::ObjectStore> store, const FileSystemOptions& options,
    Clock& clock = SystemClock(), DiskCache disk = {},
    const std::optional<RootPage>& root = {});

}  // namespace datashim::fs
