// Cache: objects of buckets as files on a local disk, shared by all file
// systems of a process. Fetches nothing: who reads brings the bytes.
//
// No failure of the disk is an error of a call: what is not there, not whole or
// damaged is simply not found, and the caller asks the store.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "cache/cached_object.h"
#include "cache/directory.h"
#include "cache/eviction.h"
#include "cache/object_id.h"

namespace datashim::cache {

/// Place and limits of a cache.
struct CacheOptions {
  std::string directory;  ///< Exists; on ext4 or XFS, not on a network.
  SpaceLimits limits;
  /// Smaller objects are not kept: each would cost a file and two fsyncs.
  std::uint64_t object_bytes_min = std::uint64_t{128} << 10;
  /// Bytes that wait to be written to disk; beyond that WriteLater refuses.
  std::uint64_t write_queue_bytes_max = std::uint64_t{32} << 20;
  /// After a failure of the disk nothing new is kept for so long.
  Duration retry_after = std::chrono::seconds(30);
  /// Every file is read and compared with its checksums so often, and once
  /// after each start.
  Duration scrub_interval = std::chrono::hours(24);
};

/// Thread-safe. Outlives the objects it hands out. Find does a little disk I/O
/// (open, stat); FindOrStart also reserves space and removes files, which may
/// take a second; bytes are written by the cache's threads.
class Cache {
 public:
  /// Adopts what an earlier process has left complete; removes the rest.
  /// @return kFailedPrecondition when another process uses the directory, and
  ///     what mkdir(2) and open(2) fail with.
  static Result<std::unique_ptr<Cache>> Open(const CacheOptions& options,
                                             Clock& clock = SystemClock());
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;
  /// What is queued is still written. Files that are not whole are removed.
  ~Cache();

  /// The object, complete or being filled; nullptr if there is neither.
  std::shared_ptr<CachedObject> Find(const ObjectId& id);

  /// Find, or a new one to fill, for which room was made. nullptr when the
  /// object is too small or too large, or all others are in use, or the disk
  /// has failed a moment ago.
  std::shared_ptr<CachedObject> FindOrStart(const ObjectId& id);

  /// Whether WriteLater would take so many bytes now.
  bool HasWriteRoom(std::uint64_t bytes) const;

  /// Of all files, complete or being filled.
  std::uint64_t bytes_used() const;

  /// What is wrong with the disk (it fails, is full or read-only), so that
  /// nothing new is kept; nullopt while it works. Looked at by whoever uses the
  /// cache, and once a minute.
  std::optional<Error> failure() const;

 private:
  friend class CachedObject;
  struct Record {
    std::uint64_t number = 0;  // Of this file; never reused.
    bool filling = false;
    bool verified = false;  // All of it, in this process.
    std::weak_ptr<CachedObject> open;
  };
  using Records = std::unordered_map<std::string, Record>;

  Cache(const CacheOptions& options, Directory directory, Clock& clock);
  Status Adopt();

  /// `id`: what the file must hold, for who uses it; nullptr to scrub whatever
  /// it holds.
  std::shared_ptr<CachedObject> FindNamed(const std::string& name,
                                          const ObjectId* id);
  std::shared_ptr<CachedObject> Start(const ObjectId& id);
  /// A new one, not to be found yet. REQUIRES: mutex_ is held.
  std::shared_ptr<CachedObject> InsertLocked(const ObjectId& id,
                                             const std::string& name);
  /// Makes room. REQUIRES: mutex_ is held. @return the files to be removed, or
  ///     nullopt if there cannot be room.
  std::optional<std::vector<std::uint64_t>> EvictLocked(const DiskSpace& disk,
                                                        std::uint64_t needed);
  /// Who scrubs does not keep a file from being evicted, who reads does.
  /// REQUIRES: mutex_ is held.
  void PinLocked(CachedObject& object);
  /// REQUIRES: mutex_ is held. @return the end of records_ if it is another.
  Records::iterator FindRecord(const CachedObject& object);

  // For CachedObject.
  bool TakeWriteRoom(std::uint64_t bytes);
  void GiveWriteRoom(std::uint64_t bytes);
  void Completed(const CachedObject& object);
  void Verified(const CachedObject& object);
  void Closed(const CachedObject& object);
  /// Its file is of no use: forgotten and removed.
  void Dropped(const CachedObject& object);
  /// Logged once, until DiskWorks.
  void DiskFailed(const Error& error);
  void DiskWorks();

  bool IsResting() const;
  void Keep(std::stop_token stop);
  void Trim();
  void CheckDisk();
  /// kResourceExhausted if not even the smallest object would fit.
  Status CheckSpace() const;
  void Scrub(std::stop_token stop);

  const CacheOptions options_;
  const Directory directory_;
  Clock& clock_;
  std::atomic<std::uint64_t> write_queue_bytes_ = 0;

  // One file is reserved at a time: the next one sees what the disk has left.
  std::mutex start_mutex_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  EvictionIndex index_;
  Records records_;  // The same names as index_.
  std::uint64_t last_number_ = 0;
  std::optional<MonotonicTime> failed_at_;
  std::optional<Error> failure_;

  // Last, so that they end first.
  ThreadPool writers_;
  ThreadPool finishers_;  // fsync, verification.
  std::jthread keeper_;   // Space and scrubbing.
};

}  // namespace datashim::cache
