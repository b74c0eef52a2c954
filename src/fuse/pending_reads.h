// PendingReads: the READs that wait for data, so that an INTERRUPT can answer
// one early and nobody answers it twice.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "fuse/channel.h"

namespace datashim::fuse {

/// Whoever takes a READ out owes its answer. Thread-safe.
class PendingReads {
 public:
  /// @return false if the READ was interrupted before: the caller answers
  ///     EINTR, and it is not pending.
  bool Add(std::uint64_t unique, std::shared_ptr<Channel> channel);

  /// The channel on which to answer; null if another has taken the READ.
  std::shared_ptr<Channel> Take(std::uint64_t unique);

  /// Take for an INTERRUPT. One that overtook its READ is kept in mind: the
  /// last 64 that named no pending READ. (Most of those name a request of
  /// another kind, which ends by its own deadline.)
  std::shared_ptr<Channel> TakeInterrupted(std::uint64_t unique);

  /// Lets go of all channels; completions of those READs find nothing.
  void Clear();

 private:
  std::shared_ptr<Channel> TakeLocked(std::uint64_t unique);

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Channel>> reads_;
  std::array<std::uint64_t, 64> early_{};  // A ring; 0 is free.
  std::size_t early_next_ = 0;
  std::size_t early_count_ = 0;
};

}  // namespace datashim::fuse
