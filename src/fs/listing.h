// Listing: the names in one directory as one LIST saw them, read page by page
// while somebody reads them, and shared by all who read the directory then.
//
// Knows no inodes but the numbers it is told to keep.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "fs/file_system.h"
#include "fs/names.h"
#include "fs/order_detector.h"
#include "fs/page_stream.h"
#include "store/object_store.h"

namespace datashim::fs {

/// Names one directory may have; listing more fails with kTooLarge. 4 Mi of
/// them take about 400 MB.
inline constexpr std::size_t kDirectoryNamesMax = std::size_t{4} << 20;

/// One name as the listing knows it.
struct ListedName {
  std::string name;
  FileType type = FileType::kFile;
  std::uint64_t size = 0;
  WallTime modified;
  std::string etag;
  InodeId inode = 0;    ///< What KeepInode was told; 0 before.
  MonotonicTime as_of;  ///< When its page was asked for.
};

/// What all listings of a file system share; outlives them.
struct ListingContext {
  store::ObjectStore& store;
  ThreadPool& threads;  ///< Fetch pages ahead.
  Duration request_timeout;
  HiddenKeys& hidden;
  Clock& clock;
};

/// Thread-safe. Names keep their index; a name is there once: where the bucket
/// has "a" and "a/b", it is the directory.
class Listing {
 public:
  /// `prefix`: the directory's key with '/' at its end, or "" for the root.
  Listing(const ListingContext& context, std::string prefix);
  /// Of a directory that is known to have no names; reads nothing.
  static std::shared_ptr<Listing> Empty(const ListingContext& context,
                                        std::string prefix);
  /// Of a directory whose only page somebody has just read.
  static std::shared_ptr<Listing> Whole(const ListingContext& context,
                                        std::string prefix,
                                        const store::ListPage& page,
                                        MonotonicTime asked);

  /// No later than when its first page was asked for: what it knows, and what
  /// it does not have, was true then or later.
  MonotonicTime started() const { return started_; }

  /// Fetches the first page in the background, if a thread is idle.
  void FetchAhead() { stream_->Start(); }
  /// Reads to the end.
  FsStatus Complete();

  /// Copies up to `count` names from `index` on, reading pages of the store as
  /// far as needed. Empty behind the last.
  FsResult<std::vector<ListedName>> Read(std::size_t index, std::size_t count);

  /// Whether every page was read, so that Find knows all names.
  bool complete() const;
  std::size_t size() const;
  /// The index of the name, among the pages read.
  std::optional<std::size_t> Find(std::string_view name) const;
  ListedName At(std::size_t index) const;
  /// The name was used, and is a `type`. @return the indexes of those of the
  ///     same type among the next `names_max` names that are worth preparing.
  std::vector<std::size_t> NamesAhead(std::string_view name, FileType type,
                                      std::size_t names_max);
  /// Remembers which inode the name got, unless it has one.
  /// @return the inode it has now.
  InodeId KeepInode(std::size_t index, InodeId inode);

 private:
  struct Slot {
    std::uint64_t text_offset;  // Name, then etag.
    std::uint64_t size;
    std::int64_t modified_ns;
    InodeId inode;
    std::uint16_t name_bytes;
    std::uint16_t etag_bytes;
    FileType type;
    // Sorted as "name/": a directory, unless it was a file at first.
    bool sorts_as_directory;
  };

  std::string_view NameOf(const Slot& slot) const {
    return std::string_view(text_).substr(slot.text_offset, slot.name_bytes);
  }
  std::optional<std::size_t> FindSorted(std::string_view name,
                                        bool as_directory) const;
  ListedName Copy(std::size_t index) const;
  std::optional<std::size_t> FindLocked(std::string_view name) const;
  std::optional<FsFailure> TakePage(std::unique_lock<std::mutex>& lock);
  void AddPage(const store::ListPage& page);
  void AddFile(const store::ObjectInfo& object);
  void AddDirectory(std::string_view prefix);
  void AddSlot(std::string_view name, std::string_view etag, Slot slot);

  const std::string prefix_;
  HiddenKeys& hidden_;
  MonotonicTime started_;  // Set before it is shared.
  const std::shared_ptr<PageStream> stream_;

  mutable std::mutex mutex_;
  std::condition_variable taken_;
  // Guarded by mutex_.
  std::vector<Slot> slots_;  // Ascending by key, as the store lists.
  std::string text_;
  // Index of a page's first slot, and when the page was asked for.
  std::vector<std::pair<std::size_t, MonotonicTime>> pages_;
  OrderDetector files_used_;
  OrderDetector directories_used_;
  bool complete_ = false;
  bool taking_ = false;
};

}  // namespace datashim::fs
