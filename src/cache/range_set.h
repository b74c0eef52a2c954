// RangeSet: which bytes of a file are there. Pure.

#pragma once

#include <cstdint>
#include <map>

#include "store/object_store.h"

namespace datashim::cache {

/// Bytes of [0, limit), as the fewest ranges that do not touch.
/// Thread-compatible.
class RangeSet {
 public:
  explicit RangeSet(std::uint64_t limit) : limit_(limit) {}

  /// REQUIRES: range.end() <= limit.
  void Add(store::ByteRange range);
  void Remove(store::ByteRange range);

  /// An empty range is always there.
  bool Contains(store::ByteRange range) const;
  bool full() const { return bytes_ == limit_; }
  std::uint64_t bytes() const { return bytes_; }

  /// The first gap that has bytes at or behind `from`, cut to begin there;
  /// empty if there is none.
  store::ByteRange NextGap(std::uint64_t from) const;

 private:
  const std::uint64_t limit_;
  std::map<std::uint64_t, std::uint64_t> ends_;  // By begin.
  std::uint64_t bytes_ = 0;
};

}  // namespace datashim::cache
