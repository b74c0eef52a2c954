// CachedObject: one object of the cache, while somebody uses it: read from,
// filled, verified. Which objects there are, and for how long, is Cache's.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/manifest.h"
#include "cache/object_id.h"
#include "cache/range_set.h"
#include "store/object_store.h"
#include "sys/unique_fd.h"

namespace datashim::cache {

class Cache;

/// FILLING (bytes come in any order; nothing of it survives a restart), then
/// COMPLETE (fsynced, renamed, with a checksum for every block), or gone after
/// an error. Bytes of a file that an earlier process has made are verified
/// before they are served the first time.
///
/// Thread-safe. While it lives its file is not evicted; one that is still
/// filling when it ends is removed.
class CachedObject : public std::enable_shared_from_this<CachedObject> {
 public:
  CachedObject(const CachedObject&) = delete;
  CachedObject& operator=(const CachedObject&) = delete;
  ~CachedObject();

  const ObjectId& id() const { return manifest_.id; }

  /// Takes bytes.
  bool filling() const;
  /// Of no use any more.
  bool gone() const;
  /// COMPLETE, and every byte is verified: its file may be read by anybody.
  bool whole() const;
  /// The file, to be read; valid as long as this object. REQUIRES: whole().
  int fd() const;
  /// Its name below the cache's directory. REQUIRES: whole().
  std::string FileName() const;

  /// Reads from the disk. @return false if not all of the range is there and
  ///     right; `out` is then undefined.
  /// REQUIRES: out.size() == range.size, within the object.
  bool Read(store::ByteRange range, std::span<std::byte> out);

  /// Queues `data`, which `owner` keeps alive until it is let go.
  /// @return false if it is not filling, or the queue is full.
  bool WriteLater(std::uint64_t offset, std::span<const std::byte> data,
                  std::shared_ptr<const void> owner);

  /// The next bytes at or behind `from` that nobody has written or queued;
  /// empty if there are none.
  store::ByteRange NextGap(std::uint64_t from) const;

  /// Verifies all of it in the background, so that it becomes whole().
  void VerifyLater();

 private:
  friend class Cache;
  enum class State { kFilling, kComplete, kGone };

  /// Complete when `file` is given. `verified`: all of it was, before.
  CachedObject(Cache& cache, std::uint64_t number, std::string name,
               Manifest manifest, sys::UniqueFd file, bool verified);

  // Each is called without mutex_, by a thread of the cache or a reader.
  /// Makes the file. Called once, before the others. @return false if it could
  ///     not be made; then it is gone.
  bool Reserve();
  void Write(std::uint64_t offset, std::span<const std::byte> data);
  Status WriteFile(std::uint64_t offset, std::span<const std::byte> data) const;
  /// @return true for the one call after which all bytes are there.
  bool Written(std::uint64_t offset, std::span<const std::byte> data);
  void Finish();
  Status SumRest();
  bool VerifyRange(store::ByteRange range);
  bool VerifyBlock(const sys::UniqueFd& file, std::uint64_t index,
                   std::span<std::byte> scratch);
  /// Reads the file anew from the disk; drops it if a block is wrong.
  void Scrub(std::stop_token stop);
  void Fail(const Error& error);
  void Damaged(const std::string& what);
  bool BecomeGone();

  Cache& cache_;
  const std::uint64_t number_;
  const std::string name_;
  bool pinned_ = false;  // Guarded by the cache's mutex.

  mutable std::mutex mutex_;
  // Guarded by mutex_. The file is set once, and then read without it; so are
  // the sums, when the object is complete.
  State state_;
  Manifest manifest_;
  sys::UniqueFd file_;
  RangeSet present_;  // Written, or verified.
  RangeSet claimed_;  // Written, or queued to be.
  std::vector<bool> summed_;
  bool finishing_ = false;
  bool verifying_ = false;
};

}  // namespace datashim::cache
