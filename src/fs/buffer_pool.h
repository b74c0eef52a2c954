// BufferPool: page-aligned buffers out of one region of memory that is mapped
// once, so that the file system's memory has a hard limit and pages that were
// touched are used again (the first touch of a page is what costs on a VM).

#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/clock.h"

namespace datashim::fs {

class BufferPool;

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
  BufferPool* pool_ = nullptr;
  std::byte* data_ = nullptr;
  std::size_t capacity_ = 0;
};

/// Who wants a buffer. Reads hold theirs for a short time; a file that is
/// being written may keep its own for ever, so uploads never get the part of
/// the pool that is reserved for reads. That is what keeps readers alive.
enum class BufferUse { kRead, kUpload };

/// Sizes of one pool.
struct BufferPoolOptions {
  std::size_t bytes_max = 0;           ///< All of the pool.
  std::size_t buffer_bytes_max = 0;    ///< The largest buffer; a power of two.
  std::size_t read_bytes_reserve = 0;  ///< What uploads never get.
};

/// A buddy allocator, lowest address first for reads and highest first for
/// uploads, so that little memory is ever touched. Thread-safe; outlives its
/// buffers.
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

  /// @return nullopt when there is no such piece now.
  /// REQUIRES: 0 < bytes <= buffer_bytes_max.
  std::optional<Buffer> TryAllocate(std::size_t bytes, BufferUse use);

  /// Waits until there is one; asks the reclaimer first.
  /// @return nullopt when the deadline has passed.
  std::optional<Buffer> Allocate(std::size_t bytes, BufferUse use,
                                 Deadline deadline);

  /// `reclaim` gives a cached buffer back and returns true, or false when it
  /// has none to give. `freed` is called after a buffer came back, without the
  /// pool's lock, and must not call the pool. Set before the first Allocate.
  void SetListeners(std::function<bool()> reclaim, std::function<void()> freed);

  std::size_t bytes_used() const;
  /// Gives the memory that no buffer uses back to the kernel.
  void Trim();

 private:
  friend class Buffer;
  using Unit = std::uint32_t;  // Address in units of kBufferBytesMin.

  std::optional<Unit> TakeBlock(std::size_t order, BufferUse use);
  void Return(std::byte* data, std::size_t capacity);

  std::size_t bytes_ = 0;
  Unit reserved_units_ = 0;
  std::size_t orders_ = 0;
  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
  std::byte* base_ = nullptr;
  std::function<bool()> reclaim_;
  std::function<void()> freed_;

  mutable std::mutex mutex_;
  std::condition_variable returned_;
  // Guarded by mutex_.
  std::vector<std::set<Unit>> free_;  // By order: blocks of 2^order units.
  std::size_t bytes_used_ = 0;
  bool touched_ = false;  // A buffer was given out since the last trim.
};

}  // namespace datashim::fs
