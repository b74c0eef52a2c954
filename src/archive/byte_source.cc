#include "archive/byte_source.h"

#include <algorithm>
#include <utility>

#include "base/thread_pool.h"

namespace datashim::archive {
namespace {

/// A reader that jumps wants little, one that reads on a lot.
constexpr std::size_t kRangeBytesMin = 256u << 10;
constexpr std::size_t kRangeBytesMax = 8u << 20;
constexpr std::chrono::seconds kObjectTimeout{300};
constexpr std::chrono::seconds kHeadTimeout{30};

}  // namespace

RangedSource::RangedSource(std::uint64_t size_bytes, Fetch fetch)
    : size_(size_bytes),
      fetch_(std::move(fetch)),
      range_bytes_(kRangeBytesMin) {}

RangedSource::~RangedSource() { stop_.request_stop(); }

void RangedSource::Start(std::uint64_t offset) {
  const std::size_t bytes =
      std::min<std::uint64_t>(range_bytes_, size_ - offset);
  range_bytes_ = std::min(range_bytes_ * 2, kRangeBytesMax);
  ahead_ = {offset, std::vector<std::byte>(bytes)};
  // The future waits for it when it ends.
  fetch_ahead_ = std::async(
      std::launch::async, [this, offset, bytes, stop = stop_.get_token()] {
        SetThreadName("archive-fetch");
        return fetch_({offset, bytes}, ahead_.bytes, stop);
      });
}

Result<std::span<const std::byte>> RangedSource::Next() {
  if (offset_ >= size_) return std::span<const std::byte>();
  const auto is_within = [this](const Part& part) {
    return offset_ >= part.offset && offset_ - part.offset < part.bytes.size();
  };
  if (!is_within(current_)) {
    if (!fetch_ahead_.valid() || ahead_offset_ != offset_) {
      if (fetch_ahead_.valid()) fetch_ahead_.wait();  // One at a time.
      Start(offset_);
    }
    current_ = {};
    DS_RETURN_IF_ERROR(fetch_ahead_.get());
    current_ = std::move(ahead_);
    ahead_offset_ = offset_ + current_.bytes.size();
    // Not behind a jump: the next read may be another one.
    if (ahead_offset_ < size_ && range_bytes_ > kRangeBytesMin * 2) {
      Start(ahead_offset_);
    }
  }
  const auto rest = std::span<const std::byte>(current_.bytes)
                        .subspan(offset_ - current_.offset);
  offset_ += rest.size();
  return rest;
}

void RangedSource::Seek(std::uint64_t offset) {
  if (offset != offset_ && offset != ahead_offset_) {
    range_bytes_ = kRangeBytesMin;
  }
  offset_ = offset;
}

Result<std::unique_ptr<ByteSource>> OpenObject(
    std::shared_ptr<store::ObjectStore> store, const std::string& key) {
  DS_ASSIGN_OR_RETURN(const store::ObjectInfo info,
                      store->Head(key, Deadline::After(kHeadTimeout)));
  auto fetch = [store = std::move(store), info](
                   store::ByteRange range, std::span<std::byte> out,
                   const std::stop_token&) -> Status {
    auto got = store->Get(info.key, info.etag, range, out,
                          Deadline::After(kObjectTimeout));
    if (!got.ok()) {
      Error error = std::move(got).error();
      if (error.code == ErrorCode::kFailedPrecondition) {
        error.code = ErrorCode::kAborted;
      }
      return error;
    }
    if (*got == range.size) return OkStatus();
    return Error{ErrorCode::kAborted, "the object became shorter"};
  };
  return std::unique_ptr<ByteSource>(
      std::make_unique<RangedSource>(info.size, std::move(fetch)));
}

}  // namespace datashim::archive
