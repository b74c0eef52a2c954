// MultipartUpload: one S3 multipart upload with several parts under way.
//
// Knows no file: FileWriter cuts the parts.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "fs/buffer_pool.h"
#include "store/object_store.h"

namespace datashim::fs {

/// S3: parts are numbered 1 to 10,000.
inline constexpr std::uint32_t kPartNumberMax = 10'000;

/// Size of part `number` (from 1): small files need small parts, and only
/// growing ones reach the sizes that S3 allows. part_bytes for the first 1,000
/// parts, 4 times that for the next 1,000, 16 times for the rest; never more
/// than `part_bytes_max`. 0 behind the last number.
std::uint64_t UploadPartBytes(std::uint32_t number, std::uint64_t part_bytes,
                              std::uint64_t part_bytes_max);

/// What all uploads of a file system share. The references outlive them.
struct UploadContext {
  store::ObjectStore& store;
  BufferShare& pool;
  ThreadPool& threads;
  std::uint64_t part_bytes = 0;
  std::uint64_t part_bytes_max = 0;
  std::uint32_t part_uploads_max = 0;
  Duration request_timeout{};
};

/// Life: Start, Add…, Finish; without Finish it is aborted when it ends.
/// Thread-compatible: one writer calls it.
class MultipartUpload {
 public:
  static Result<std::unique_ptr<MultipartUpload>> Start(
      const UploadContext& context, const std::string& key,
      const store::PutOptions& options);
  MultipartUpload(const MultipartUpload&) = delete;
  MultipartUpload& operator=(const MultipartUpload&) = delete;
  /// Aborts, unless Finish succeeded. Waits for the parts under way.
  ~MultipartUpload();

  /// Uploads the next part, in the background; waits while part_uploads_max
  /// are under way. @return the error of this or an earlier part.
  Status Add(Buffer buffer, std::size_t size);

  /// Waits for all parts and makes the object appear.
  Result<store::ObjectInfo> Finish();

 private:
  MultipartUpload(const UploadContext& context, std::string key, std::string id,
                  const store::PutOptions& options);
  void UploadOne(std::uint32_t number, const Buffer& buffer, std::size_t size);

  const UploadContext& context_;
  const std::string key_;
  const std::string id_;
  const store::PutOptions options_;
  bool finished_ = false;

  std::mutex mutex_;
  std::condition_variable part_ended_;
  // Guarded by mutex_.
  std::vector<store::UploadedPart> parts_;  // By number - 1.
  std::uint32_t under_way_ = 0;
  std::optional<Error> error_;  // The first.
};

}  // namespace datashim::fs
