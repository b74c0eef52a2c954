// BufferPool: page-aligned buffers out of one region of memory that is mapped
// once, so that the file system's memory has a hard limit and pages that were
// touched are used again (the first touch of a page is what costs on a VM).

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/clock.h"

namespace datashim::fs {

class BufferPool;
class BufferShare;
struct FileSystemOptions;

/// A piece of the pool; goes back to it when it ends. Move-only.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer() { Reset(); }

  std::byte* data() const { return data_; }
  /// At least what was asked for.
  std::size_t capacity() const { return capacity_; }
  std::span<std::byte> first(std::size_t size) const {
    return std::span(data_, capacity_).first(size);
  }
  explicit operator bool() const { return data_ != nullptr; }
  void Reset();

 private:
  friend class BufferPool;
  friend class BufferShare;
  BufferShare* share_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
  bool is_upload_ = false;
};

/// Who wants a buffer. Reads hold theirs for a short time; a file that is
/// being written may keep its own for ever, so uploads never get the part of
/// the pool that is reserved for reads. That is what keeps readers alive.
enum class BufferUse {
  kRead,       ///< Somebody waits for it.
  kReadAhead,  ///< Nobody does yet.
  kUpload,
};

/// Sizes of one pool.
struct BufferPoolOptions {
  std::size_t bytes_max = 0;           ///< All of the pool.
  std::size_t buffer_bytes_max = 0;    ///< The largest buffer; a power of two.
  std::size_t read_bytes_reserve = 0;  ///< What uploads never get.
};

/// A buddy allocator, lowest address first for reads and highest first for
/// uploads, so that little memory is ever touched. Gives nothing out itself:
/// each file system has a BufferShare of it. Thread-safe.
class BufferPool {
 public:
  /// Buffers are powers of two from here on.
  static constexpr std::size_t kBufferBytesMin = std::size_t{16} << 10;

  /// REQUIRES: buffer_bytes_max is a power of two, >= kBufferBytesMin;
  /// bytes_max holds the reserve and one buffer, each rounded up to
  /// buffer_bytes_max.
  explicit BufferPool(const BufferPoolOptions& options);
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  std::size_t bytes_used() const;

 private:
  friend class BufferShare;
  using Unit = std::uint32_t;  // Address in units of kBufferBytesMin.

  // REQUIRES: mutex_ is held.
  std::optional<Unit> TakeBlock(std::size_t order, BufferUse use);
  bool IsFair(const BufferShare& share, std::size_t bytes, BufferUse use) const;
  void GiveBack(const Buffer& buffer);
  void TrimLocked();

  void TellFreed();

  std::size_t bytes_ = 0;
  Unit reserved_units_ = 0;
  std::size_t orders_ = 0;
  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  std::byte* base_ = nullptr;
  std::atomic<std::uint64_t> last_ticket_ = 0;

  // Held while listeners of `freed` are called.
  mutable std::mutex shares_mutex_;
  std::vector<BufferShare*> shares_;  // By shares_mutex_.

  mutable std::mutex mutex_;  // Taken last.
  std::condition_variable returned_;
  // Guarded by mutex_.
  std::vector<std::set<Unit>> free_;  // By order: blocks of 2^order units.
  std::size_t bytes_used_ = 0;
  std::size_t upload_bytes_ = 0;    // Of them.
  std::size_t shares_touched_ = 0;  // Those that are touched_.
  std::size_t share_count_ = 0;
  bool touched_ = false;  // A buffer was given out since the last trim.
};

/// The memory of file systems with these options, which each of them is given
/// as FileSystemOptions::memory; one without makes its own.
std::shared_ptr<BufferPool> MakeMemory(const FileSystemOptions& options);

/// What one file system has of a pool. Alone it may have all of it. With others
/// it gets memory for read-ahead and uploads only as long as it has at most
/// twice of what is free, so that some is always left for the next one (dynamic
/// thresholds, as switches share their buffers), or half of an equal part, or
/// nothing yet. Reads that are waited for take what there is. Who may have a
/// buffer and finds none takes idle ones of the others.
///
/// Thread-safe; outlives its buffers.
class BufferShare {
 public:
  /// Of nobody: later than every ticket.
  static constexpr std::uint64_t kNoTicket =
      std::numeric_limits<std::uint64_t>::max();

  explicit BufferShare(std::shared_ptr<BufferPool> pool);
  BufferShare(const BufferShare&) = delete;
  BufferShare& operator=(const BufferShare&) = delete;
  ~BufferShare();

  /// @return nullopt when there is no such piece now.
  /// REQUIRES: 0 < bytes <= buffer_bytes_max.
  std::optional<Buffer> TryAllocate(std::size_t bytes, BufferUse use);

  /// Waits until there is one; asks the reclaimers first.
  /// @return nullopt when the deadline has passed.
  std::optional<Buffer> Allocate(std::size_t bytes, BufferUse use,
                                 Deadline deadline);

  /// `reclaim` gives a cached buffer back and returns true, or false when it
  /// has none to give; it is called by threads of other shares, too. `freed` is
  /// called after a buffer of any share came back; it must not call the pool or
  /// wait. Null: none; returns when no call of an old one is under way.
  void SetListeners(std::function<bool()> reclaim, std::function<void()> freed);

  /// Asks the others for a buffer, those that have most first. Not under a lock
  /// that a reclaimer takes. @return false if none has one to give.
  bool ReclaimFromOthers();

  /// Tickets order the reads that wait, over all shares: see IsOldestWaiter.
  std::uint64_t NextTicket() { return ++pool_->last_ticket_; }
  /// The oldest read that waits here, or kNoTicket.
  void SetOldestWaiter(std::uint64_t ticket) { oldest_waiter_ = ticket; }
  /// Whether it is the oldest of all. What that one needs is not to be
  /// reclaimed; everything else is, so that it gets on.
  bool IsOldestWaiter() const;

  std::size_t bytes_used() const;
  /// This share is idle. When all are, the memory that no buffer uses goes back
  /// to the kernel.
  void Trim();

 private:
  friend class Buffer;
  friend class BufferPool;

  /// `is_fair`: this share may have it, if there is one.
  std::optional<Buffer> TryAllocate(std::size_t bytes, BufferUse use,
                                    bool& is_fair);
  bool Reclaim();
  void Return(const Buffer& buffer);

  const std::shared_ptr<BufferPool> pool_;
  std::atomic<std::uint64_t> oldest_waiter_ = kNoTicket;

  // Users of reclaim_ that are not ended; see SetListeners.
  std::mutex reclaim_mutex_;
  std::function<bool()> reclaim_;  // By reclaim_mutex_.
  std::function<void()> freed_;    // By the pool's shares_mutex_.

  // Guarded by the pool's mutex_.
  std::size_t bytes_used_ = 0;
  std::size_t upload_bytes_ = 0;  // Of them.
  bool touched_ = false;
};

}  // namespace datashim::fs
