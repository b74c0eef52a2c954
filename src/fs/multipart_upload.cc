#include "fs/multipart_upload.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace datashim::fs {
namespace {

// How long the end of a mount may wait for one abort.
constexpr Duration kAbortTimeout = std::chrono::seconds(5);

}  // namespace

std::uint64_t UploadPartBytes(std::uint32_t number, std::uint64_t part_bytes,
                              std::uint64_t part_bytes_max) {
  if (number == 0 || number > kPartNumberMax) return 0;
  const std::uint64_t factor = number <= 1000 ? 1 : number <= 2000 ? 4 : 16;
  return std::min(part_bytes * factor, part_bytes_max);
}

Result<std::unique_ptr<MultipartUpload>> MultipartUpload::Start(
    const UploadContext& context, const std::string& key,
    const store::PutOptions& options) {
  DS_ASSIGN_OR_RETURN(
      std::string id,
      context.store.CreateUpload(key, options,
                                 Deadline::After(context.request_timeout)));
  return std::unique_ptr<MultipartUpload>(
      new MultipartUpload(context, key, std::move(id), options));
}

MultipartUpload::MultipartUpload(const UploadContext& context, std::string key,
                                 std::string id,
                                 const store::PutOptions& options)
    : context_(context),
      key_(std::move(key)),
      id_(std::move(id)),
      options_(options) {}

MultipartUpload::~MultipartUpload() {
  {
    std::unique_lock lock(mutex_);
    // Parts that wait for a thread are not sent any more.
    if (!error_)
      error_ = Error{ErrorCode::kCancelled, "the upload was given up"};
    part_ended_.wait(lock, [this] { return under_way_ == 0; });
  }
  if (finished_) return;
  const Status aborted =
      context_.store.AbortUpload(key_, id_, Deadline::After(kAbortTimeout));
  if (!aborted.ok()) {
    log::Warn(
        "an upload was given up and could not be aborted; its parts stay "
        "in the bucket until a lifecycle rule removes them",
        {{"key", key_}, {"error", aborted.error().message}});
  }
}

Status MultipartUpload::Add(Buffer buffer, std::size_t size) {
  std::uint32_t number = 0;
  {
    std::unique_lock lock(mutex_);
    part_ended_.wait(lock, [this] {
      return under_way_ < context_.part_uploads_max || error_;
    });
    if (error_) return *error_;
    parts_.emplace_back();
    number = static_cast<std::uint32_t>(parts_.size());
    ++under_way_;
  }
  // Shared, because std::function wants what it holds to be copyable.
  auto shared = std::make_shared<Buffer>(std::move(buffer));
  const bool queued = context_.threads.Submit([this, number, shared, size] {
    UploadOne(number, *shared, size);
    shared->Reset();  // Before the writer is told that it may go on.
    const std::lock_guard lock(mutex_);
    --under_way_;
    part_ended_.notify_all();
  });
  if (!queued) {
    const std::lock_guard lock(mutex_);
    --under_way_;
    error_ = Error{ErrorCode::kCancelled,
                   "upload of \"" + key_ + "\": the file system stops"};
    return *error_;
  }
  return OkStatus();
}

void MultipartUpload::UploadOne(std::uint32_t number, const Buffer& buffer,
                                std::size_t size) {
  {
    const std::lock_guard lock(mutex_);
    if (error_) return;
  }
  auto part =
      context_.store.UploadPart(key_, id_, number, buffer.first(size),
                                Deadline::After(context_.request_timeout));
  const std::lock_guard lock(mutex_);
  if (part.ok()) {
    parts_[number - 1] = std::move(*part);
  } else if (!error_) {
    error_ = std::move(part).error();
  }
}

Result<store::ObjectInfo> MultipartUpload::Finish() {
  {
    std::unique_lock lock(mutex_);
    part_ended_.wait(lock, [this] { return under_way_ == 0; });
    if (error_) return *error_;
  }
  DS_ASSIGN_OR_RETURN(
      store::ObjectInfo info,
      context_.store.CompleteUpload(key_, id_, parts_, options_,
                                    Deadline::After(context_.request_timeout)));
  finished_ = true;
  return info;
}

}  // namespace datashim::fs
