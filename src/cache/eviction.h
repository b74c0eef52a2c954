// What has to go when the cache is full: the pure half of the quota. Does no
// I/O; CacheStore asks the disk and unlinks.

#pragma once

#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace datashim::cache {

/// The hard limits of a cache.
struct SpaceLimits {
  std::uint64_t bytes_max = 0;  ///< Of all its files together.
  /// It never makes the disk fuller than this leaves, and gives space back
  /// when others do.
  std::uint32_t disk_free_percent_min = 15;
  /// As bytes_max, in percent of the disk.
  std::uint32_t disk_percent_max = 100;
};

/// What statvfs(3) says.
struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;
};

/// Bytes of old files that have to go before `needed` more may come, when the
/// cache has `used`. @return nullopt if they would not fit into an empty cache.
std::optional<std::uint64_t> BytesToEvict(const SpaceLimits& limits,
                                          const DiskSpace& disk,
                                          std::uint64_t used,
                                          std::uint64_t needed);

/// Order of eviction: a segmented LRU. What was used once goes before what was
/// used again, so that a large copy that is read once does not push out what is
/// read every day; what was used again has at most 4/5 of the bytes, so that
/// new files have a chance. Nothing that is pinned goes.
///
/// Thread-compatible.
class EvictionIndex {
 public:
  /// A new file, in use once. REQUIRES: `name` is not there.
  void Insert(const std::string& name, std::uint64_t bytes);
  void Remove(const std::string& name);
  /// It was used again.
  void Touch(const std::string& name);
  /// Pins count; each Pin needs an Unpin, or a Remove.
  void Pin(const std::string& name);
  void Unpin(const std::string& name);

  bool Contains(const std::string& name) const { return entries_.count(name); }
  std::uint64_t bytes() const { return bytes_[0] + bytes_[1]; }
  std::size_t size() const { return entries_.size(); }

  /// The files to evict so that `bytes` become free, in order; nullopt when
  /// pinned ones would have to go. Changes nothing.
  std::optional<std::vector<std::string>> Victims(std::uint64_t bytes) const;

 private:
  enum Segment : std::size_t { kUsedOnce, kUsedAgain };
  using Order = std::list<std::string>;  // Least recently used first.
  struct Entry {
    std::uint64_t bytes = 0;
    std::uint32_t pins = 0;
    Segment segment = kUsedOnce;
    Order::iterator place;
  };

  void MoveTo(Entry& entry, Segment segment);

  std::unordered_map<std::string, Entry> entries_;
  Order orders_[2];
  std::uint64_t bytes_[2] = {0, 0};
};

}  // namespace datashim::cache
