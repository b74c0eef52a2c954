// ObjectWriter: files that come one after the other, as objects: small ones as
// they are, large ones in parts, several requests at once. Memory is bounded.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "store/object_store.h"

namespace datashim::archive {

/// How much at a time.
struct WriterOptions {
  std::size_t requests_max = 8;
  /// Of bodies that are being sent; a single one may be larger.
  std::size_t memory_bytes_max = 64u << 20;
  std::size_t part_bytes_min = 8u << 20;  ///< S3 takes no less than 5 MiB.
  Duration request_timeout = std::chrono::seconds(300);
};

/// Size of part `number` (from 1) of an object of that size: equal ones if it
/// is known, else ones that grow, so that S3's 10,000 parts are enough for
/// 1 TiB and memory is, too. Pure.
std::uint64_t PartBytes(std::uint32_t number,
                        std::optional<std::uint64_t> size_bytes,
                        std::uint64_t part_bytes_min);

/// Life: (Begin, Write…, End)…, Finish. What was not finished is aborted when
/// it ends. Every call may return the error of a request before it, and then
/// all do. Thread-compatible.
class ObjectWriter {
 public:
  /// `store` outlives the writer.
  ObjectWriter(store::ObjectStore& store, WriterOptions options);
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;
  ~ObjectWriter();

  /// A new object; a key that was there before is replaced by it.
  Status Begin(std::string key, std::optional<std::uint64_t> size_bytes);
  Status Write(std::span<const std::byte> bytes);
  Status End();
  /// Waits until all objects are in the store.
  Status Finish();

 private:
  struct Upload;

  Status SendPart();
  Status Submit(std::size_t bytes, std::function<Status()> request);
  Status WaitUntilIdle();
  Status CurrentError();

  store::ObjectStore& store_;
  const WriterOptions options_;
  // Hashes of the keys so far: two requests for one key must not overlap.
  std::unordered_set<std::size_t> keys_;
  // Of the object being written.
  std::string key_;
  std::optional<std::uint64_t> size_bytes_;
  std::vector<std::byte> body_;
  std::uint64_t body_bytes_max_ = 0;
  std::unique_ptr<Upload> upload_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::size_t requests_ = 0;
  std::size_t bytes_under_way_ = 0;
  std::optional<Error> error_;  // The first.

  ThreadPool threads_;  // Last: its tasks use the others.
};

}  // namespace datashim::archive
