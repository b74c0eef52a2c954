// Where the body of an answer goes. Internal to net.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace datashim::net {

/// Lends memory to receive into, so that a body is written once.
class BodySink {
 public:
  virtual ~BodySink() = default;
  /// The length, if it is known beforehand. kDataLoss if it is too much.
  virtual Status Announce(std::uint64_t bytes) = 0;
  /// Memory for the next bytes. Empty: no more is wanted, which is no error.
  /// kDataLoss if there is more than allowed.
  virtual Result<std::span<char>> Space() = 0;
  /// `bytes` of that memory are filled.
  virtual Status Commit(std::size_t bytes) = 0;
  /// Small pieces are wanted as soon as they come.
  virtual bool wants_early() const { return false; }
};

inline Error BodyTooLarge(std::uint64_t bytes_max) {
  return {ErrorCode::kDataLoss, "the answer's body is larger than the " +
                                    std::to_string(bytes_max) +
                                    " bytes that were expected"};
}

/// Fills a string, which never grows far ahead of what has come.
class StringSink final : public BodySink {
 public:
  enum class AtLimit { kFail, kCut };
  StringSink(std::string& out, std::size_t bytes_max, AtLimit at_limit)
      : out_(out), bytes_max_(bytes_max), at_limit_(at_limit) {}
  ~StringSink() override { out_.resize(used_); }

  Status Announce(std::uint64_t bytes) override {
    if (bytes > bytes_max_ && at_limit_ == AtLimit::kFail) {
      return BodyTooLarge(bytes_max_);
    }
    out_.resize(std::min<std::uint64_t>({bytes, bytes_max_, kStepBytesMax}));
    return OkStatus();
  }
  Result<std::span<char>> Space() override {
    if (used_ == bytes_max_) {
      if (at_limit_ == AtLimit::kCut) return std::span<char>{};
      return BodyTooLarge(bytes_max_);
    }
    if (used_ == out_.size()) {
      const std::size_t step =
          std::clamp<std::size_t>(used_, kStepBytesMin, kStepBytesMax);
      out_.resize(used_ + std::min(step, bytes_max_ - used_));
    }
    return std::span(out_).subspan(used_);
  }
  Status Commit(std::size_t bytes) override {
    used_ += bytes;
    return OkStatus();
  }

 private:
  static constexpr std::size_t kStepBytesMin = 16u << 10;
  static constexpr std::size_t kStepBytesMax = 1u << 20;

  std::string& out_;
  const std::size_t bytes_max_;
  const AtLimit at_limit_;
  std::size_t used_ = 0;
};

/// Fills the caller's memory.
class SpanSink final : public BodySink {
 public:
  explicit SpanSink(std::span<std::byte> out)
      : out_(reinterpret_cast<char*>(out.data()), out.size()) {}

  std::size_t used() const { return used_; }

  Status Announce(std::uint64_t bytes) override {
    if (bytes > out_.size()) return BodyTooLarge(out_.size());
    return OkStatus();
  }
  Result<std::span<char>> Space() override {
    if (used_ == out_.size()) return BodyTooLarge(out_.size());
    return out_.subspan(used_);
  }
  Status Commit(std::size_t bytes) override {
    used_ += bytes;
    return OkStatus();
  }

 private:
  const std::span<char> out_;
  std::size_t used_ = 0;
};

/// Hands pieces to a function.
class CallbackSink final : public BodySink {
 public:
  using OnChunk = std::function<bool(std::string_view)>;
  explicit CallbackSink(const OnChunk& on_chunk)
      : on_chunk_(on_chunk), buffer_(kBufferBytes) {}

  Status Announce(std::uint64_t) override { return OkStatus(); }
  Result<std::span<char>> Space() override { return std::span(buffer_); }
  Status Commit(std::size_t bytes) override {
    if (on_chunk_({buffer_.data(), bytes})) return OkStatus();
    return Error{ErrorCode::kCancelled, "the receiver wants no more"};
  }
  bool wants_early() const override { return true; }

 private:
  static constexpr std::size_t kBufferBytes = 64u << 10;

  const OnChunk& on_chunk_;
  std::vector<char> buffer_;
};

}  // namespace datashim::net
