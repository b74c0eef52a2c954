#include "cache/cached_object.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "cache/cache.h"
#include "cache/checksum.h"
#include "sys/errno_error.h"

namespace datashim::cache {
namespace {

using store::ByteRange;

/// One block, aligned for O_DIRECT.
class BlockBuffer {
 public:
  BlockBuffer()
      : bytes_(static_cast<std::byte*>(std::aligned_alloc(4096, kBlockBytes))) {
    DS_CHECK(bytes_ != nullptr);
  }
  BlockBuffer(const BlockBuffer&) = delete;
  BlockBuffer& operator=(const BlockBuffer&) = delete;
  ~BlockBuffer() { std::free(bytes_); }
  std::span<std::byte> bytes() const { return {bytes_, kBlockBytes}; }

 private:
  std::byte* const bytes_;
};

/// @return 0, an errno, or EIO where the file is shorter. May read less than
///     out.size() only if that is at least `needed`.
int ReadAt(int fd, std::uint64_t offset, std::span<std::byte> out,
           std::size_t needed) {
  std::size_t done = 0;
  while (done < needed) {
    const ssize_t got = ::pread(fd, out.data() + done, out.size() - done,
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return EIO;
    done += static_cast<std::size_t>(got);
  }
  return 0;
}

}  // namespace

CachedObject::CachedObject(Cache& cache, std::uint64_t number, std::string name,
                           Manifest manifest, sys::UniqueFd file, bool verified)
    : cache_(cache),
      number_(number),
      name_(std::move(name)),
      state_(file ? State::kComplete : State::kFilling),
      manifest_(std::move(manifest)),
      file_(std::move(file)),
      present_(manifest_.id.bytes),
      claimed_(manifest_.id.bytes) {
  const std::uint64_t bytes = manifest_.id.bytes;
  manifest_.block_sums.resize(BlockCount(bytes));
  summed_.resize(BlockCount(bytes));
  if (state_ == State::kComplete) claimed_.Add({0, bytes});
  if (verified) present_.Add({0, bytes});
}

CachedObject::~CachedObject() { cache_.Closed(*this); }

bool CachedObject::filling() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kFilling && !finishing_;
}

bool CachedObject::gone() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kGone;
}

bool CachedObject::whole() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kComplete && present_.full();
}

int CachedObject::fd() const {
  const std::lock_guard lock(mutex_);
  DS_CHECK(file_);
  return file_.get();
}

std::string CachedObject::FileName() const {
  return Directory::CompleteName(name_);
}

bool CachedObject::Read(ByteRange range, std::span<std::byte> out) {
  DS_CHECK(out.size() == range.size);
  bool verify = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kGone) return false;
    if (!present_.Contains(range)) {
      if (state_ == State::kFilling) return false;
      verify = true;
    }
  }
  if (range.size == 0) return true;
  if (verify && !VerifyRange(range)) return false;
  const int error = ReadAt(file_.get(), range.offset, out, out.size());
  if (error != 0) {
    Damaged(sys::ErrnoError(error, "read").message);
    return false;
  }
  return true;
}

bool CachedObject::WriteLater(std::uint64_t offset,
                              std::span<const std::byte> data,
                              std::shared_ptr<const void> owner) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kFilling || finishing_) return false;
  if (!cache_.TakeWriteRoom(data.size())) return false;
  const bool queued =
      cache_.writers_.TrySubmit([self = shared_from_this(), offset, data,
                                 owner = std::move(owner)]() mutable {
        self->Write(offset, data);
        // Before the owner goes, so that who waits for it finds room.
        self->cache_.GiveWriteRoom(data.size());
        owner.reset();
      });
  if (!queued) {
    cache_.GiveWriteRoom(data.size());
    return false;
  }
  claimed_.Add({offset, data.size()});
  return true;
}

ByteRange CachedObject::NextGap(std::uint64_t from) const {
  const std::lock_guard lock(mutex_);
  return claimed_.NextGap(from);
}

bool CachedObject::Reserve() {
  auto file = cache_.directory_.CreateFilling(number_, manifest_.id.bytes);
  if (!file.ok()) {
    Fail(file.error());
    return false;
  }
  const std::lock_guard lock(mutex_);
  file_ = *std::move(file);
  return true;
}

void CachedObject::Write(std::uint64_t offset,
                         std::span<const std::byte> data) {
  if (!filling()) return;
  const Status written = WriteFile(offset, data);
  if (!written.ok()) return Fail(written.error());
  if (!Written(offset, data)) return;
  const bool queued = cache_.finishers_.TrySubmit(
      [self = shared_from_this()] { self->Finish(); });
  if (!queued) Finish();
}

Status CachedObject::WriteFile(std::uint64_t offset,
                               std::span<const std::byte> data) const {
  while (!data.empty()) {
    const ssize_t written = ::pwrite(file_.get(), data.data(), data.size(),
                                     static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return sys::ErrnoError(errno, "write a cache file");
    data = data.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return OkStatus();
}

// Blocks that came in one piece are summed from memory, so that the sum is of
// what the store sent.
bool CachedObject::Written(std::uint64_t offset,
                           std::span<const std::byte> data) {
  const ByteRange written{offset, data.size()};
  std::vector<std::pair<std::uint64_t, std::uint32_t>> sums;
  for (std::uint64_t index = offset / kBlockBytes;
       index < summed_.size() && index * kBlockBytes < written.end(); ++index) {
    const ByteRange block = BlockRange(index, manifest_.id.bytes);
    if (block.offset < written.offset || block.end() > written.end()) continue;
    sums.emplace_back(index,
                      Crc32c(data.subspan(block.offset - offset, block.size)));
  }
  const std::lock_guard lock(mutex_);
  if (state_ != State::kFilling || finishing_) return false;
  for (const auto& [index, sum] : sums) {
    manifest_.block_sums[index] = sum;
    summed_[index] = true;
  }
  present_.Add(written);
  finishing_ = present_.full();
  return finishing_;
}

void CachedObject::Finish() {
  Status done = SumRest();
  if (done.ok())
    done = cache_.directory_.Publish(number_, file_, name_, manifest_);
  if (!done.ok()) return Fail(done.error());
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kFilling) return;
    state_ = State::kComplete;
  }
  cache_.Completed(*this);
}

// After the last Written nobody changes the sums but this.
Status CachedObject::SumRest() {
  const BlockBuffer buffer;
  for (std::uint64_t index = 0; index < summed_.size(); ++index) {
    if (summed_[index]) continue;
    const ByteRange block = BlockRange(index, manifest_.id.bytes);
    const auto bytes = buffer.bytes().first(block.size);
    const int error = ReadAt(file_.get(), block.offset, bytes, bytes.size());
    if (error != 0) return sys::ErrnoError(error, "read a cache file");
    manifest_.block_sums[index] = Crc32c(bytes);
  }
  return OkStatus();
}

bool CachedObject::VerifyRange(ByteRange range) {
  const BlockBuffer buffer;
  for (std::uint64_t index = range.offset / kBlockBytes;
       index * kBlockBytes < range.end(); ++index) {
    {
      const std::lock_guard lock(mutex_);
      if (state_ == State::kGone) return false;
      if (present_.Contains(BlockRange(index, manifest_.id.bytes))) continue;
    }
    if (!VerifyBlock(file_, index, buffer.bytes())) return false;
  }
  return true;
}

bool CachedObject::VerifyBlock(const sys::UniqueFd& file, std::uint64_t index,
                               std::span<std::byte> scratch) {
  const ByteRange block = BlockRange(index, manifest_.id.bytes);
  // The whole buffer, because O_DIRECT reads whole sectors.
  const int error = ReadAt(file.get(), block.offset, scratch, block.size);
  if (error != 0) {
    Damaged(sys::ErrnoError(error, "read").message);
    return false;
  }
  if (Crc32c(scratch.first(block.size)) != manifest_.block_sums[index]) {
    Damaged("block " + std::to_string(index) + " has another checksum");
    return false;
  }
  bool whole = false;
  {
    const std::lock_guard lock(mutex_);
    present_.Add(block);
    whole = state_ == State::kComplete && present_.full();
  }
  if (whole) cache_.Verified(*this);
  return true;
}

void CachedObject::VerifyLater() {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kComplete || present_.full() || verifying_) return;
  verifying_ = cache_.finishers_.TrySubmit([self = shared_from_this()] {
    self->VerifyRange({0, self->manifest_.id.bytes});
  });
}

void CachedObject::Scrub(std::stop_token stop) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kComplete) return;
  }
  const Directory& directory = cache_.directory_;
  const BlockBuffer buffer;
  auto file = directory.OpenComplete(name_, manifest_,
                                     /*around_page_cache=*/true);
  if (file.ok() && ReadAt(file->get(), 0, buffer.bytes(), 1) == EINVAL) {
    file = directory.OpenComplete(name_, manifest_);
  }
  if (!file.ok()) {
    // Evicted meanwhile, otherwise.
    const bool damaged = file.error().code == ErrorCode::kDataLoss;
    return damaged ? Damaged(file.error().message) : void();
  }
  for (std::uint64_t index = 0; index < manifest_.block_sums.size(); ++index) {
    if (stop.stop_requested()) return;
    if (!VerifyBlock(*file, index, buffer.bytes())) return;
  }
}

bool CachedObject::BecomeGone() {
  const std::lock_guard lock(mutex_);
  return std::exchange(state_, State::kGone) != State::kGone;
}

void CachedObject::Fail(const Error& error) {
  if (!BecomeGone()) return;
  cache_.DiskFailed(error);
  cache_.Dropped(*this);
}

void CachedObject::Damaged(const std::string& what) {
  if (!BecomeGone()) return;
  log::Warn("a cache file is damaged and removed; its object is read anew",
            {{"key", manifest_.id.key}, {"file", name_}, {"why", what}});
  cache_.Dropped(*this);
}

}  // namespace datashim::cache
