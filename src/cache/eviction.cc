#include "cache/eviction.h"

#include <algorithm>

#include "base/check.h"

namespace datashim::cache {

std::optional<std::uint64_t> BytesToEvict(const SpaceLimits& limits,
                                          const DiskSpace& disk,
                                          std::uint64_t used,
                                          std::uint64_t needed) {
  const std::uint64_t keep_free =
      disk.total_bytes / 100 * limits.disk_free_percent_min;
  // What the disk would have if the cache were empty.
  const std::uint64_t free_without_cache = disk.available_bytes + used;
  const std::uint64_t room = std::min(
      {limits.bytes_max, disk.total_bytes / 100 * limits.disk_percent_max,
       free_without_cache > keep_free ? free_without_cache - keep_free : 0});
  if (needed > room) return std::nullopt;
  const std::uint64_t wanted = used + needed;
  return wanted > room ? wanted - room : 0;
}

void EvictionIndex::Insert(const std::string& name, std::uint64_t bytes) {
  const auto [at, is_new] = entries_.try_emplace(name);
  DS_CHECK(is_new);
  Order& order = orders_[kUsedOnce];
  at->second = {bytes, 0, kUsedOnce, order.insert(order.end(), name)};
  bytes_[kUsedOnce] += bytes;
}

void EvictionIndex::Remove(const std::string& name) {
  const auto at = entries_.find(name);
  if (at == entries_.end()) return;
  const Entry& entry = at->second;
  bytes_[entry.segment] -= entry.bytes;
  orders_[entry.segment].erase(entry.place);
  entries_.erase(at);
}

void EvictionIndex::MoveTo(Entry& entry, Segment segment) {
  Order& to = orders_[segment];
  to.splice(to.end(), orders_[entry.segment], entry.place);
  bytes_[entry.segment] -= entry.bytes;
  bytes_[segment] += entry.bytes;
  entry.segment = segment;
}

void EvictionIndex::Touch(const std::string& name) {
  const auto at = entries_.find(name);
  if (at == entries_.end()) return;
  MoveTo(at->second, kUsedAgain);
  while (bytes_[kUsedAgain] > bytes() / 5 * 4 &&
         orders_[kUsedAgain].size() > 1) {
    MoveTo(entries_.at(orders_[kUsedAgain].front()), kUsedOnce);
  }
}

void EvictionIndex::Pin(const std::string& name) {
  const auto at = entries_.find(name);
  if (at != entries_.end()) ++at->second.pins;
}

void EvictionIndex::Unpin(const std::string& name) {
  const auto at = entries_.find(name);
  if (at == entries_.end()) return;
  DS_CHECK(at->second.pins > 0);
  --at->second.pins;
}

std::optional<std::vector<std::string>> EvictionIndex::Victims(
    std::uint64_t bytes) const {
  std::vector<std::string> victims;
  for (const Order& order : orders_) {
    for (const std::string& name : order) {
      if (bytes == 0) return victims;
      const Entry& entry = entries_.at(name);
      if (entry.pins > 0) continue;
      victims.push_back(name);
      bytes -= std::min(bytes, entry.bytes);
    }
  }
  if (bytes > 0) return std::nullopt;
  return victims;
}

}  // namespace datashim::cache
