#include "fs/buffer_pool.h"

#include <sys/mman.h>

#include <bit>
#include <utility>

#include "base/check.h"

namespace datashim::fs {
namespace {

std::size_t RoundUp(std::size_t value, std::size_t step) {
  return (value + step - 1) / step * step;
}

// How long a waiter sleeps before it asks the reclaimer again: a cached buffer
// may have become free to take without any buffer coming back.
constexpr auto kReclaimInterval = std::chrono::milliseconds(50);

}  // namespace

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  pool_ = std::exchange(other.pool_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

void Buffer::Reset() {
  if (data_ == nullptr) return;
  std::exchange(pool_, nullptr)
      ->Return(std::exchange(data_, nullptr), std::exchange(capacity_, 0));
}

BufferPool::BufferPool(const BufferPoolOptions& options) {
  const std::size_t block = options.buffer_bytes_max;
  DS_CHECK(std::has_single_bit(block) && block >= kBufferBytesMin);
  const std::size_t reserve = RoundUp(options.read_bytes_reserve, block);
  bytes_ = options.bytes_max / block * block;
  DS_CHECK(bytes_ >= reserve + block);
  reserved_units_ = static_cast<Unit>(reserve / kBufferBytesMin);
  orders_ = static_cast<std::size_t>(std::countr_zero(block / kBufferBytesMin));

  // One block more than needed, so that blocks can be aligned to their size.
  mapping_bytes_ = bytes_ + block;
  mapping_ = ::mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  DS_CHECK(mapping_ != MAP_FAILED);
  const auto address = reinterpret_cast<std::uintptr_t>(mapping_);
  base_ =
      static_cast<std::byte*>(mapping_) + (RoundUp(address, block) - address);
  // Fewer page faults; no harm where the kernel has no huge pages.
  (void)::madvise(base_, bytes_, MADV_HUGEPAGE);

  free_.resize(orders_ + 1);
  const Unit step = Unit{1} << orders_;
  for (Unit unit = 0; unit < bytes_ / kBufferBytesMin; unit += step) {
    free_[orders_].insert(free_[orders_].end(), unit);
  }
}

BufferPool::~BufferPool() {
  DS_CHECK(bytes_used_ == 0);
  ::munmap(mapping_, mapping_bytes_);
}

void BufferPool::SetListeners(std::function<bool()> reclaim,
                              std::function<void()> freed) {
  reclaim_ = std::move(reclaim);
  freed_ = std::move(freed);
}

std::optional<BufferPool::Unit> BufferPool::TakeBlock(std::size_t order,
                                                      BufferUse use) {
  const bool upload = use == BufferUse::kUpload;
  for (std::size_t at = order; at <= orders_; ++at) {
    std::set<Unit>& blocks = free_[at];
    if (blocks.empty()) continue;
    const auto block = upload ? std::prev(blocks.end()) : blocks.begin();
    Unit unit = *block;
    if (upload && unit < reserved_units_) continue;
    blocks.erase(block);
    while (at > order) {
      --at;
      const Unit half = unit + (Unit{1} << at);
      free_[at].insert(upload ? unit : half);
      if (upload) unit = half;
    }
    return unit;
  }
  return std::nullopt;
}

std::optional<Buffer> BufferPool::TryAllocate(std::size_t bytes,
                                              BufferUse use) {
  DS_CHECK(bytes > 0);
  const std::size_t units = RoundUp(bytes, kBufferBytesMin) / kBufferBytesMin;
  const auto order = static_cast<std::size_t>(std::bit_width(units - 1));
  DS_CHECK(order <= orders_);
  const std::lock_guard lock(mutex_);
  const std::optional<Unit> unit = TakeBlock(order, use);
  if (!unit) return std::nullopt;
  Buffer buffer;
  buffer.pool_ = this;
  buffer.data_ = base_ + *unit * kBufferBytesMin;
  buffer.capacity_ = kBufferBytesMin << order;
  bytes_used_ += buffer.capacity_;
  touched_ = true;
  return buffer;
}

std::optional<Buffer> BufferPool::Allocate(std::size_t bytes, BufferUse use,
                                           Deadline deadline) {
  while (true) {
    if (auto buffer = TryAllocate(bytes, use)) return buffer;
    if (reclaim_ && reclaim_()) continue;
    const Duration left = deadline.Remaining();
    if (left <= Duration::zero()) return std::nullopt;
    std::unique_lock lock(mutex_);
    returned_.wait_for(lock, std::min<Duration>(left, kReclaimInterval));
  }
}

void BufferPool::Return(std::byte* data, std::size_t capacity) {
  {
    const std::lock_guard lock(mutex_);
    bytes_used_ -= capacity;
    auto order =
        static_cast<std::size_t>(std::countr_zero(capacity / kBufferBytesMin));
    auto unit = static_cast<Unit>(static_cast<std::size_t>(data - base_) /
                                  kBufferBytesMin);
    // Joins the block with its free other half, again and again.
    while (order < orders_) {
      const auto other = free_[order].find(unit ^ (Unit{1} << order));
      if (other == free_[order].end()) break;
      unit = std::min(unit, *other);
      free_[order].erase(other);
      ++order;
    }
    free_[order].insert(unit);
  }
  returned_.notify_all();
  if (freed_) freed_();
}

std::size_t BufferPool::bytes_used() const {
  const std::lock_guard lock(mutex_);
  return bytes_used_;
}

void BufferPool::Trim() {
  const std::lock_guard lock(mutex_);
  if (!touched_) return;
  touched_ = false;
  for (std::size_t order = 0; order <= orders_; ++order) {
    for (const Unit unit : free_[order]) {
      (void)::madvise(base_ + unit * kBufferBytesMin, kBufferBytesMin << order,
                      MADV_DONTNEED);
    }
  }
}

}  // namespace datashim::fs
