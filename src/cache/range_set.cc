#include "cache/range_set.h"

#include <algorithm>
#include <iterator>

#include "base/check.h"

namespace datashim::cache {

using store::ByteRange;

void RangeSet::Add(ByteRange range) {
  DS_CHECK(range.end() <= limit_);
  if (range.size == 0) return;
  std::uint64_t begin = range.offset;
  std::uint64_t end = range.end();
  auto at = ends_.upper_bound(begin);
  if (at != ends_.begin() && std::prev(at)->second >= begin) --at;
  while (at != ends_.end() && at->first <= end) {
    begin = std::min(begin, at->first);
    end = std::max(end, at->second);
    bytes_ -= at->second - at->first;
    at = ends_.erase(at);
  }
  ends_.emplace(begin, end);
  bytes_ += end - begin;
}

void RangeSet::Remove(ByteRange range) {
  auto at = ends_.upper_bound(range.offset);
  if (at != ends_.begin()) --at;
  while (at != ends_.end() && at->first < range.end()) {
    const auto [begin, end] = *at;
    if (end <= range.offset) {
      ++at;
      continue;
    }
    bytes_ -= end - begin;
    at = ends_.erase(at);
    if (begin < range.offset) Add({begin, range.offset - begin});
    if (end > range.end()) Add({range.end(), end - range.end()});
  }
}

bool RangeSet::Contains(ByteRange range) const {
  if (range.size == 0) return true;
  const auto next = ends_.upper_bound(range.offset);
  return next != ends_.begin() && std::prev(next)->second >= range.end();
}

ByteRange RangeSet::NextGap(std::uint64_t from) const {
  auto next = ends_.upper_bound(from);
  if (next != ends_.begin()) from = std::max(from, std::prev(next)->second);
  if (from >= limit_) return {limit_, 0};
  const std::uint64_t end = next == ends_.end() ? limit_ : next->first;
  return {from, end - from};
}

}  // namespace datashim::cache
