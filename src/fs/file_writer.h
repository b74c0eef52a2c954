// FileWriter: the content of one file that is being written, and how it
// becomes an object.
//
// As long as it fits into one part (8 MiB) the whole content is in memory:
// every POSIX operation works on it, and the object is one PUT. Beyond that it
// only grows: parts are uploaded while the next one is filled.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "fs/buffer_pool.h"
#include "fs/file_system.h"
#include "fs/multipart_upload.h"
#include "fs/read_path.h"

namespace datashim::fs {

/// Zeros that one operation may add (a write or truncate behind the end).
inline constexpr std::uint64_t kZeroFillBytesMax = std::uint64_t{1} << 30;

/// Thread-safe: operations that change it come one after another, each of them
/// holding the next one up while it talks to the store; size, dirty and Read
/// wait for no store.
class FileWriter {
 public:
  /// The file is the object `base`, whose bytes are read when they are needed.
  FileWriter(const UploadContext& context, ObjectVersion base);
  /// A new and empty file, dirty from the start. `exclusive`: making the
  /// object fails with kExists if another client was first.
  FileWriter(const UploadContext& context, std::string key, bool exclusive);
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  std::uint64_t size() const;
  /// Whether it has bytes that the store does not have, or has lost them.
  bool dirty() const;

  /// `append`: at the end, wherever `offset` is.
  /// Errors: kNotSupported (a place that has left the memory: before the part
  /// being filled; any place of a larger object that existed before, or whose
  /// upload has been completed), kTooLarge (more than 10,000 parts), kNoSpace
  /// (no memory within the time limit), kStale, and those of the store. After
  /// a write that failed half-way there will be no object: everything else
  /// fails with its error.
  FsStatus Write(std::uint64_t offset, std::span<const std::byte> data,
                 bool append, OwnerId owner);
  FsStatus Truncate(std::uint64_t size);

  /// @return nullopt when the store has what was asked for; kBusy when the
  ///     bytes are on their way to the store.
  std::optional<FsResult<ReadReply>> Read(store::ByteRange range) const;

  /// Makes the object, if the file is dirty, unless `owner` says that the close
  /// is of a process that did not write last. After a failed PUT the file is
  /// still dirty and may be completed again; a failed upload stays failed.
  /// @return the new version; nullopt if there was nothing to do.
  FsResult<std::optional<store::ObjectInfo>> Complete(OwnerId owner);
  /// For the end of the last handle: completes what no close did. What failed
  /// then, and was reported, is not tried again.
  FsResult<std::optional<store::ObjectInfo>> CompleteRest();

  /// The file, which is not in the store yet, shall become another object.
  /// @return false when it is in the store: it must be copied there; kBusy when
  ///     parts of it went to the old name.
  FsResult<bool> RelocateUnstored(const std::string& key, bool exclusive);
  /// The object was copied to another key.
  void Relocate(const std::string& key, const std::string& etag);
  /// The file was deleted: nothing of it goes to the store any more.
  void Discard();

 private:
  enum class Phase {
    kUntouched,  // base_ is the content.
    kHeld,       // buffer_ has everything, or upload_ what is before it.
    kSealed,     // An upload was completed: the content left the memory.
    kFailed,     // An upload failed, for good.
  };

  // REQUIRES: operation_ is held.
  FsStatus Load();
  FsStatus WriteAt(std::uint64_t offset, std::span<const std::byte> data);
  FsStatus ZeroFill(std::uint64_t end);
  FsStatus MakeRoom(std::size_t bytes);
  FsStatus SubmitPart();
  FsStatus Restart();
  FsResult<std::optional<store::ObjectInfo>> CompleteNow();
  Result<store::ObjectInfo> PutWhole();
  Result<store::ObjectInfo> FinishUpload();
  FsFailure Fail(FsFailure failure);
  std::uint64_t PartLimit() const;

  const UploadContext& context_;

  // Held by an operation from its start to its end, over I/O on purpose.
  std::mutex operation_;
  // Guarded by operation_.
  std::string key_;
  ObjectVersion base_;
  bool stored_ = true;  // There is an object.
  bool exclusive_ = false;
  bool discarded_ = false;
  OwnerId last_owner_ = 0;
  std::uint32_t number_ = 1;  // Of the part in buffer_.
  std::unique_ptr<MultipartUpload> upload_;
  std::optional<FsFailure> failed_;
  bool reported_ = false;  // The last completion failed, nothing came since.

  // Guards what size, dirty and Read look at; changed with both mutexes.
  mutable std::mutex content_;
  Phase phase_ = Phase::kUntouched;
  bool dirty_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t start_ = 0;  // Where in the file buffer_ starts.
  Buffer buffer_;            // size_ - start_ bytes are used.
};

}  // namespace datashim::fs
