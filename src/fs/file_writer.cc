#include "fs/file_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "fs/error_map.h"

namespace datashim::fs {
namespace {

// The first buffer of a file: most files are small. Doubled as it grows.
constexpr std::size_t kFirstBufferBytes = std::size_t{64} << 10;

FsStatus Ok() { return std::monostate{}; }

FsFailure NotSupported(const std::string& key, const char* why) {
  return {FsError::kNotSupported, "file \"" + key + "\": " + why};
}

}  // namespace

FileWriter::FileWriter(const UploadContext& context, ObjectVersion base)
    : context_(context),
      key_(base.key),
      base_(std::move(base)),
      size_(base_.size) {}

FileWriter::FileWriter(const UploadContext& context, std::string key,
                       bool exclusive)
    : context_(context),
      key_(std::move(key)),
      stored_(false),
      exclusive_(exclusive),
      phase_(Phase::kHeld),
      dirty_(true) {}

std::uint64_t FileWriter::size() const {
  const std::lock_guard lock(content_);
  return size_;
}

bool FileWriter::dirty() const {
  const std::lock_guard lock(content_);
  return dirty_;
}

std::uint64_t FileWriter::PartLimit() const {
  return UploadPartBytes(number_, context_.part_bytes, context_.part_bytes_max);
}

// An upload that failed cannot be mended: its parts are aborted, and the error
// is what every later call returns, close(2) among them.
FsFailure FileWriter::Fail(FsFailure failure) {
  upload_.reset();
  failed_ = failure;
  const std::lock_guard lock(content_);
  buffer_.Reset();
  start_ = size_;
  phase_ = Phase::kFailed;
  return failure;
}

FsStatus FileWriter::Write(std::uint64_t offset,
                           std::span<const std::byte> data, bool append,
                           OwnerId owner) {
  const std::lock_guard operation(operation_);
  if (failed_) return *failed_;
  if (auto loaded = Load(); !loaded.ok()) return loaded;
  if (append) offset = size_;
  if (phase_ == Phase::kSealed) {
    if (discarded_) return Ok();  // Nobody will see the bytes.
    return NotSupported(key_,
                        "it is larger than one part and its upload has been "
                        "completed by fsync or close; write it anew");
  }
  last_owner_ = owner;
  reported_ = false;
  FsStatus written = offset > size_ ? ZeroFill(offset) : Ok();
  if (written.ok()) written = WriteAt(offset, data);
  // Without these bytes the file is not what its writer wanted: no object.
  if (!written.ok() && !failed_) return Fail(written.failure());
  return written;
}

FsStatus FileWriter::WriteAt(std::uint64_t offset,
                             std::span<const std::byte> data) {
  if (offset < start_) {
    return NotSupported(key_, "this place has been uploaded already");
  }
  while (!data.empty()) {
    const std::uint64_t at = offset - start_;
    const std::uint64_t limit = PartLimit();
    if (at == limit) {
      if (auto submitted = SubmitPart(); !submitted.ok()) return submitted;
      continue;
    }
    const std::size_t count = std::min<std::uint64_t>(data.size(), limit - at);
    if (auto room = MakeRoom(at + count); !room.ok()) return room;
    const std::lock_guard lock(content_);
    std::memcpy(buffer_.data() + at, data.data(), count);
    data = data.subspan(count);
    offset += count;
    size_ = std::max(size_, offset);
    dirty_ = true;
  }
  return Ok();
}

FsStatus FileWriter::ZeroFill(std::uint64_t end) {
  if (end - size_ > kZeroFillBytesMax) {
    return NotSupported(key_, "a hole of more than 1 GiB");
  }
  while (size_ < end) {
    const std::uint64_t at = size_ - start_;
    const std::uint64_t limit = PartLimit();
    if (at == limit) {
      if (auto submitted = SubmitPart(); !submitted.ok()) return submitted;
      continue;
    }
    const std::size_t count = std::min(end - size_, limit - at);
    if (auto room = MakeRoom(at + count); !room.ok()) return room;
    const std::lock_guard lock(content_);
    std::memset(buffer_.data() + at, 0, count);
    size_ += count;
    dirty_ = true;
  }
  return Ok();
}

// Part buffers have their full size at once; that of a file that may stay
// small grows with it.
FsStatus FileWriter::MakeRoom(std::size_t bytes) {
  if (buffer_.capacity() >= bytes) return Ok();
  const std::size_t limit = PartLimit();
  const std::size_t wanted =
      upload_
          ? limit
          : std::min(limit, std::max(kFirstBufferBytes, std::bit_ceil(bytes)));
  auto grown = context_.pool.Allocate(
      wanted, BufferUse::kUpload, Deadline::After(context_.request_timeout));
  if (!grown) {
    return FsFailure{FsError::kNoSpace,
                     "file \"" + key_ +
                         "\": the memory for uploads is in use "
                         "by other files that are being written"};
  }
  const std::lock_guard lock(content_);
  if (buffer_) {
    std::memcpy(grown->data(), buffer_.data(), size_ - start_);
  }
  buffer_ = std::move(*grown);
  return Ok();
}

// REQUIRES: buffer_ is full.
FsStatus FileWriter::SubmitPart() {
  if (UploadPartBytes(number_ + 1, context_.part_bytes,
                      context_.part_bytes_max) == 0) {
    return FsFailure{FsError::kTooLarge, "file \"" + key_ +
                                             "\": it needs more than 10,000 "
                                             "parts, the limit of S3"};
  }
  if (!upload_ && !discarded_) {
    auto upload = MultipartUpload::Start(
        context_, key_, {.if_none_match = exclusive_, .content_type = {}});
    if (!upload.ok()) return Fail(ToBucketFailure(upload.error()));
    upload_ = std::move(*upload);
  }
  Buffer part;
  const std::size_t part_bytes = PartLimit();
  {
    const std::lock_guard lock(content_);
    part = std::move(buffer_);
    start_ += part_bytes;
    ++number_;
  }
  if (!upload_) return Ok();
  const Status added = upload_->Add(std::move(part), part_bytes);
  if (!added.ok()) return Fail(ToBucketFailure(added.error()));
  return Ok();
}

// Reads the object that the file was, once, so that any place of it can change.
FsStatus FileWriter::Load() {
  if (phase_ != Phase::kUntouched) return Ok();
  if (base_.size > context_.part_bytes) {
    return NotSupported(key_,
                        "an object that is larger than one part can only be "
                        "written anew, from its start");
  }
  Buffer buffer;
  if (base_.size > 0) {
    if (auto room = MakeRoom(base_.size); !room.ok()) return room;
    const auto got = context_.store.Get(
        key_, base_.etag, {0, base_.size}, buffer_.first(base_.size),
        Deadline::After(context_.request_timeout));
    if (!got.ok()) return ToReadFailure(got.error());
    if (*got != base_.size) {
      return FsFailure{FsError::kIo, "object \"" + key_ + "\" is too short"};
    }
  }
  const std::lock_guard lock(content_);
  phase_ = Phase::kHeld;
  return Ok();
}

FsStatus FileWriter::Restart() {
  upload_.reset();
  number_ = 1;
  const std::lock_guard lock(content_);
  phase_ = Phase::kHeld;
  size_ = 0;
  start_ = 0;
  dirty_ = true;
  return Ok();
}

FsStatus FileWriter::Truncate(std::uint64_t size) {
  const std::lock_guard operation(operation_);
  if (failed_) return *failed_;
  reported_ = false;
  if (size == 0) return Restart();
  if (size == size_) return Ok();
  if (auto loaded = Load(); !loaded.ok()) return loaded;
  if (phase_ == Phase::kSealed) {
    return NotSupported(key_, "its upload has been completed");
  }
  if (size > size_) return ZeroFill(size);
  if (size < start_) {
    return NotSupported(key_, "this place has been uploaded already");
  }
  const std::lock_guard lock(content_);
  size_ = size;
  dirty_ = true;
  return Ok();
}

std::optional<FsResult<ReadReply>> FileWriter::Read(
    store::ByteRange range) const {
  const std::lock_guard lock(content_);
  if (phase_ == Phase::kUntouched || phase_ == Phase::kSealed) {
    return std::nullopt;
  }
  if (phase_ == Phase::kFailed) {
    return FsFailure{FsError::kIo, "the upload of the file has failed"};
  }
  range.offset = std::min(range.offset, size_);
  range.size = std::min(range.size, size_ - range.offset);
  if (range.size == 0) return ReadReply{};
  if (range.offset < start_) {
    return FsFailure{FsError::kBusy,
                     "the file is being uploaded; read it after its close"};
  }
  // A copy: the content may change before the reply is sent.
  const std::byte* begin = buffer_.data() + (range.offset - start_);
  auto bytes =
      std::make_shared<std::vector<std::byte>>(begin, begin + range.size);
  ReadReply reply;
  reply.pieces.emplace_back(*bytes);
  reply.owner = std::move(bytes);
  return reply;
}

FsResult<std::optional<store::ObjectInfo>> FileWriter::Complete(OwnerId owner) {
  const std::lock_guard operation(operation_);
  if (owner != 0 && last_owner_ != 0 && owner != last_owner_ && !failed_) {
    return std::optional<store::ObjectInfo>();
  }
  return CompleteNow();
}

FsResult<std::optional<store::ObjectInfo>> FileWriter::CompleteRest() {
  const std::lock_guard operation(operation_);
  if (reported_) return std::optional<store::ObjectInfo>();
  return CompleteNow();
}

FsResult<std::optional<store::ObjectInfo>> FileWriter::CompleteNow() {
  reported_ = true;
  if (failed_) return *failed_;
  if (!dirty_ || discarded_) {
    reported_ = false;
    return std::optional<store::ObjectInfo>();
  }
  auto info = upload_ ? FinishUpload() : PutWhole();
  if (!info.ok()) {
    const FsFailure failure = ToBucketFailure(info.error());
    // A PUT may be tried again: the content is still here.
    if (upload_ || failure.error == FsError::kExists) return Fail(failure);
    return failure;
  }
  reported_ = false;
  stored_ = true;
  exclusive_ = false;
  base_ = {key_, info->etag, info->size};
  const std::lock_guard lock(content_);
  dirty_ = false;
  if (upload_) {
    upload_.reset();
    buffer_.Reset();
    phase_ = Phase::kSealed;
    start_ = size_;
  }
  return std::optional(std::move(*info));
}

Result<store::ObjectInfo> FileWriter::PutWhole() {
  const auto put = [this] {
    return context_.store.Put(key_, buffer_.first(size_),
                              {.if_none_match = exclusive_, .content_type = {}},
                              Deadline::After(context_.request_timeout));
  };
  auto info = put();
  if (!info.ok() && exclusive_ &&
      info.error().code == ErrorCode::kUnimplemented) {
    exclusive_ = false;  // A store without If-None-Match.
    info = put();
  }
  return info;
}

Result<store::ObjectInfo> FileWriter::FinishUpload() {
  if (size_ > start_) {
    Buffer part;
    const std::size_t part_bytes = size_ - start_;
    {
      const std::lock_guard lock(content_);
      part = std::move(buffer_);
      start_ = size_;
    }
    DS_RETURN_IF_ERROR(upload_->Add(std::move(part), part_bytes));
  }
  return upload_->Finish();
}

FsResult<bool> FileWriter::RelocateUnstored(const std::string& key,
                                            bool exclusive) {
  const std::lock_guard operation(operation_);
  if (upload_) {
    return FsFailure{FsError::kBusy, "file \"" + key_ +
                                         "\": it is being uploaded; rename it "
                                         "after its close"};
  }
  if (stored_) return false;
  key_ = key;
  exclusive_ = exclusive;
  return true;
}

void FileWriter::Relocate(const std::string& key, const std::string& etag) {
  const std::lock_guard operation(operation_);
  key_ = key;
  base_.key = key;
  base_.etag = etag;
}

void FileWriter::Discard() {
  const std::lock_guard operation(operation_);
  discarded_ = true;
  upload_.reset();
}

}  // namespace datashim::fs
