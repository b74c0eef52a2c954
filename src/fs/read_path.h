// ReadPath: bytes of objects for readers, without ever blocking them: what is
// in memory is handed out in place, the rest is fetched by a few threads, ahead
// of sequential readers, within the memory of the BufferPool.
//
// Knows objects, not inodes or handles; who may read what is decided before.

#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "cache/cached_object.h"
#include "cache/object_id.h"
#include "fs/active_files.h"
#include "fs/buffer_pool.h"
#include "fs/fetch_window.h"
#include "fs/file_system.h"
#include "fs/read_planner.h"
#include "store/object_store.h"

namespace datashim::fs {

/// The version of an object that a reader opened.
struct ObjectVersion {
  std::string key;
  std::string etag;
  std::uint64_t size = 0;

  friend bool operator==(const ObjectVersion&, const ObjectVersion&) = default;
};

/// Names the copy of that version in the cache.
inline cache::ObjectId CopyId(const DiskCache& disk,
                              const ObjectVersion& version) {
  return {disk.origin, disk.key_prefix + version.key, version.etag,
          version.size};
}

/// Limits of a ReadPath.
struct ReadPathOptions {
  std::uint32_t fetches_max = 16;
  Duration request_timeout = std::chrono::seconds(60);
  ReadPlannerOptions planner;
  FetchWindowOptions window;
  /// Objects are copied to the local disk when a reader has read so much of
  /// them in one go, or all; or when a quarter was read in whatever order.
  std::uint64_t fill_after_bytes = std::uint64_t{16} << 20;
};

/// The largest read: two of them and the parts around them fit into the
/// memory that is reserved for reads.
inline constexpr std::uint64_t kReadBytesMax = std::uint64_t{2} << 20;

/// An object that is read; made by ReadPath::Open.
class ReadFile;

/// Thread-safe.
///
/// A part of an object is fetched once, whoever waits for it. Parts that are
/// demanded by a read come first and may evict any part that no reply uses;
/// parts fetched ahead take only free memory, and a quarter of the threads is
/// kept for demand. When there is nothing else to fetch, up to a quarter of the
/// threads fetches what the copies on the local disk lack, also after the last
/// reader has gone. What is on the disk is not fetched.
///
/// Why nobody waits for ever: a read that waits holds no memory, but nothing
/// that the oldest waiting read of all shares of the memory needs is evicted;
/// replies and fetches end, and uploads never take the memory reserved for
/// reads. So the oldest read always gets all its parts in the end.
class ReadPath {
 public:
  /// The store and the pool outlive it. Starts `fetches_max` threads.
  ReadPath(store::ObjectStore& store, BufferShare& pool, const DiskCache& disk,
           const ReadPathOptions& options);
  ReadPath(const ReadPath&) = delete;
  ReadPath& operator=(const ReadPath&) = delete;
  /// Stop().
  ~ReadPath();

  /// `copy`: that version on the local disk, which the reader may read, or
  /// nullptr.
  std::shared_ptr<ReadFile> Open(ObjectVersion version,
                                 std::shared_ptr<cache::CachedObject> copy);
  /// Fetches all of it ahead of its first read. REQUIRES: it is small.
  void FetchAhead(ReadFile& file);
  /// Drops its parts; reads under way still end.
  void Close(ReadFile& file);
  /// The object has another name (and etag) now, with the same bytes.
  void Relocate(ReadFile& file, const std::string& key,
                const std::string& etag);

  /// See FileSystem::Read. Errors: kStale when the object has changed or gone,
  /// kInvalid above kReadBytesMax, and those of the store.
  void Read(const std::shared_ptr<ReadFile>& file, store::ByteRange range,
            ReadDone done);

  /// Evicts one part that no reply uses. @return false if there is none.
  bool ReclaimOne();
  /// Memory may have become free: fetches that wait for it look again. Cheap
  /// when none does.
  void Wake();

  /// Fails the reads that wait (kIo) and ends the threads, after their GETs.
  /// Idempotent.
  void Stop();

 private:
  friend class ReadFile;
  struct Part;
  struct PendingRead;
  struct Hold;
  struct WriteHold;
  using PartPtr = std::shared_ptr<Part>;
  using PendingPtr = std::shared_ptr<PendingRead>;
  // Replies that are ready, to be given out without the lock.
  using Finished = std::vector<std::pair<ReadDone, FsResult<ReadReply>>>;

  // REQUIRES for all below: mutex_ is held. Those that return a number return
  // how many fetches they queued.
  std::uint64_t WindowFor(const ReadFile& file);
  std::size_t AddParts(ReadFile& file, store::ByteRange range,
                       bool planned = true);
  std::size_t Await(const PendingPtr& read);
  std::optional<ReadReply> TryReply(ReadFile& file, store::ByteRange range);
  void DropSpent(ReadFile& file, store::ByteRange spent);
  void DropPlanned(ReadFile& file, store::ByteRange dropped);
  void Erase(Part& part);
  bool EvictOne(bool unread_too);
  PartPtr TakePart();
  PartPtr TakeQueued(std::list<PartPtr>& queue, bool demand);
  bool GiveBuffer(Part& part, bool demand);
  bool Shrink(Part& part);
  PendingPtr AddPending(const std::shared_ptr<ReadFile>& file,
                        store::ByteRange range, ReadDone done);
  void Finish(const PendingPtr& read, FsResult<ReadReply> result,
              Finished& finished);
  std::size_t Arrived(Part& part, Finished& finished);
  void Failed(Part& part, const FsFailure& failure, Finished& finished);
  // read_fill.cc
  std::size_t WantFill(const std::shared_ptr<ReadFile>& file,
                       const ReadPlan& plan);
  std::shared_ptr<ReadFile> TakeStart();
  PartPtr TakeFill();
  PartPtr NextFill(ReadFile& file, bool& is_over);
  bool WriteCopy(const PartPtr& part);
  void FillFailed(ReadFile& file, const FsFailure& failure);
  void EndFill(ReadFile& file);

  // Without mutex_.
  void Run(bool trims);
  void Fetch(const PartPtr& part);
  std::optional<ReadReply> ReadCopy(cache::CachedObject& copy,
                                    store::ByteRange range);
  void StartFill(const std::shared_ptr<ReadFile>& file);
  void WriteEnded();
  void Trim();
  void Post(std::size_t events);
  static void Deliver(Finished finished);

  store::ObjectStore& store_;
  BufferShare& pool_;
  const DiskCache disk_;
  const ReadPathOptions options_;
  const std::size_t ahead_fetches_max_;
  const std::size_t fill_fetches_max_;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::list<PartPtr> demanded_;
  std::list<PartPtr> ahead_;
  std::size_t ahead_fetches_ = 0;
  bool memory_short_ = false;      // The last queued part found no memory.
  std::list<Part*> ready_;         // Least recently used first.
  std::list<PendingPtr> pending_;  // Oldest first.
  FetchWindow window_;
  ActiveFiles active_files_;
  std::list<std::shared_ptr<ReadFile>> starts_;
  std::list<std::shared_ptr<ReadFile>> fills_;
  std::size_t fill_fetches_ = 0;
  bool stopping_ = false;

  // A fetch waits for memory; set before the last try to get it.
  std::atomic<bool> wants_memory_ = false;

  // Wakes the threads. Taken last, so that Post may be used under any lock.
  std::mutex wake_mutex_;
  std::condition_variable wake_;
  std::condition_variable writes_ended_;
  // Guarded by wake_mutex_.
  std::uint64_t posts_ = 0;
  std::size_t writes_ = 0;  // WriteHolds.
  std::vector<std::thread> threads_;
};

}  // namespace datashim::fs
