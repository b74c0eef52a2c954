#include "fs/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
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

// What one of several shares may have: so many times what is free.
constexpr std::size_t kFreeTimesMax = 2;

}  // namespace

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  Reset();
  share_ = std::exchange(other.share_, nullptr);
  data_ = std::exchange(other.data_, nullptr);
  capacity_ = std::exchange(other.capacity_, 0);
  is_upload_ = other.is_upload_;
  return *this;
}

void Buffer::Reset() {
  if (data_ == nullptr) return;
  std::exchange(share_, nullptr)->Return(*this);
  data_ = nullptr;
  capacity_ = 0;
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

bool BufferPool::IsFair(const BufferShare& share, std::size_t bytes,
                        BufferUse use) const {
  if (use == BufferUse::kRead || share_count_ == 1) return true;
  const bool upload = use == BufferUse::kUpload;
  const std::size_t own = upload ? share.upload_bytes_ : share.bytes_used_;
  if (own == 0) return true;
  const std::size_t all =
      upload ? bytes_ - reserved_units_ * kBufferBytesMin : bytes_;
  const std::size_t used = (upload ? upload_bytes_ : bytes_used_) + bytes;
  return own + bytes <= std::max(kFreeTimesMax * (all - std::min(used, all)),
                                 all / 2 / share_count_);
}

void BufferPool::GiveBack(const Buffer& buffer) {
  const std::size_t capacity = buffer.capacity_;
  bytes_used_ -= capacity;
  if (buffer.is_upload_) upload_bytes_ -= capacity;
  auto order =
      static_cast<std::size_t>(std::countr_zero(capacity / kBufferBytesMin));
  auto unit = static_cast<Unit>(static_cast<std::size_t>(buffer.data_ - base_) /
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

std::size_t BufferPool::bytes_used() const {
  const std::lock_guard lock(mutex_);
  return bytes_used_;
}

void BufferPool::TrimLocked() {
  if (!std::exchange(touched_, false)) return;
  for (std::size_t order = 0; order <= orders_; ++order) {
    for (const Unit unit : free_[order]) {
      (void)::madvise(base_ + unit * kBufferBytesMin, kBufferBytesMin << order,
                      MADV_DONTNEED);
    }
  }
}

void BufferPool::TellFreed() {
  const std::lock_guard lock(shares_mutex_);
  for (const BufferShare* share : shares_) {
    if (share->freed_) share->freed_();
  }
}

BufferShare::BufferShare(std::shared_ptr<BufferPool> pool)
    : pool_(std::move(pool)) {
  const std::lock_guard shares_lock(pool_->shares_mutex_);
  pool_->shares_.push_back(this);
  const std::lock_guard lock(pool_->mutex_);
  ++pool_->share_count_;
}

BufferShare::~BufferShare() {
  SetListeners(nullptr, nullptr);
  {
    const std::lock_guard lock(pool_->shares_mutex_);
    std::erase(pool_->shares_, this);
  }
  // Who found it before that has the mutex.
  const std::lock_guard reclaim_lock(reclaim_mutex_);
  Trim();
  const std::lock_guard lock(pool_->mutex_);
  DS_CHECK(bytes_used_ == 0);
  --pool_->share_count_;
}

void BufferShare::SetListeners(std::function<bool()> reclaim,
                               std::function<void()> freed) {
  {
    const std::lock_guard lock(reclaim_mutex_);
    reclaim_ = std::move(reclaim);
  }
  const std::lock_guard lock(pool_->shares_mutex_);
  freed_ = std::move(freed);
}

std::optional<Buffer> BufferShare::TryAllocate(std::size_t bytes,
                                               BufferUse use) {
  bool is_fair = false;
  return TryAllocate(bytes, use, is_fair);
}

std::optional<Buffer> BufferShare::TryAllocate(std::size_t bytes, BufferUse use,
                                               bool& is_fair) {
  DS_CHECK(bytes > 0);
  constexpr std::size_t kUnit = BufferPool::kBufferBytesMin;
  const std::size_t units = RoundUp(bytes, kUnit) / kUnit;
  const auto order = static_cast<std::size_t>(std::bit_width(units - 1));
  DS_CHECK(order <= pool_->orders_);
  const std::size_t capacity = kUnit << order;
  const std::lock_guard lock(pool_->mutex_);
  is_fair = pool_->IsFair(*this, capacity, use);
  if (!is_fair) return std::nullopt;
  const auto unit = pool_->TakeBlock(order, use);
  if (!unit) return std::nullopt;
  Buffer buffer;
  buffer.share_ = this;
  buffer.data_ = pool_->base_ + *unit * kUnit;
  buffer.capacity_ = capacity;
  buffer.is_upload_ = use == BufferUse::kUpload;
  pool_->bytes_used_ += capacity;
  bytes_used_ += capacity;
  if (buffer.is_upload_) {
    pool_->upload_bytes_ += capacity;
    upload_bytes_ += capacity;
  }
  pool_->touched_ = true;
  if (!std::exchange(touched_, true)) ++pool_->shares_touched_;
  return buffer;
}

std::optional<Buffer> BufferShare::Allocate(std::size_t bytes, BufferUse use,
                                            Deadline deadline) {
  while (true) {
    bool is_fair = false;
    if (auto buffer = TryAllocate(bytes, use, is_fair)) return buffer;
    if (Reclaim() || (is_fair && ReclaimFromOthers())) continue;
    const Duration left = deadline.Remaining();
    if (left <= Duration::zero()) return std::nullopt;
    std::unique_lock lock(pool_->mutex_);
    pool_->returned_.wait_for(lock, std::min<Duration>(left, kReclaimInterval));
  }
}

bool BufferShare::Reclaim() {
  const std::lock_guard lock(reclaim_mutex_);
  return reclaim_ && reclaim_();
}

bool BufferShare::ReclaimFromOthers() {
  std::vector<BufferShare*> tried = {this};
  while (true) {
    std::unique_lock<std::mutex> reclaim_lock;
    BufferShare* most = nullptr;
    {
      const std::lock_guard shares_lock(pool_->shares_mutex_);
      std::size_t bytes = 0;
      for (BufferShare* share : pool_->shares_) {
        if (std::find(tried.begin(), tried.end(), share) != tried.end()) {
          continue;
        }
        if (const std::size_t used = share->bytes_used(); used > bytes) {
          bytes = used;
          most = share;
        }
      }
      if (most == nullptr) return false;
      // Without waiting: a reclaimer gives buffers back, which takes
      // shares_mutex_. From here on the share cannot end.
      reclaim_lock = std::unique_lock(most->reclaim_mutex_, std::try_to_lock);
    }
    if (reclaim_lock && most->reclaim_ && most->reclaim_()) return true;
    tried.push_back(most);
  }
}

bool BufferShare::IsOldestWaiter() const {
  const std::uint64_t mine = oldest_waiter_;
  const std::lock_guard lock(pool_->shares_mutex_);
  return std::none_of(
      pool_->shares_.begin(), pool_->shares_.end(),
      [&](const BufferShare* share) { return share->oldest_waiter_ < mine; });
}

void BufferShare::Return(const Buffer& buffer) {
  {
    const std::lock_guard lock(pool_->mutex_);
    bytes_used_ -= buffer.capacity_;
    if (buffer.is_upload_) upload_bytes_ -= buffer.capacity_;
    pool_->GiveBack(buffer);
  }
  pool_->returned_.notify_all();
  pool_->TellFreed();
}

std::size_t BufferShare::bytes_used() const {
  const std::lock_guard lock(pool_->mutex_);
  return bytes_used_;
}

void BufferShare::Trim() {
  const std::lock_guard lock(pool_->mutex_);
  if (std::exchange(touched_, false)) --pool_->shares_touched_;
  if (pool_->shares_touched_ == 0) pool_->TrimLocked();
}

}  // namespace datashim::fs
