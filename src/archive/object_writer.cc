#include "archive/object_writer.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace datashim::archive {
namespace {

constexpr std::uint32_t kPartsMax = 10'000;  // S3.
constexpr std::uint64_t kPartStep = 1u << 20;
constexpr std::chrono::seconds kAbortTimeout{10};

}  // namespace

std::uint64_t PartBytes(std::uint32_t number,
                        std::optional<std::uint64_t> size_bytes,
                        std::uint64_t part_bytes_min) {
  if (size_bytes) {
    const std::uint64_t least = (*size_bytes + kPartsMax - 1) / kPartsMax;
    const std::uint64_t rounded =
        (least + kPartStep - 1) / kPartStep * kPartStep;
    return std::max(part_bytes_min, rounded);
  }
  // From 8 MiB on: 8 GiB, 40, 170 and 1.9 TiB in all.
  const std::uint32_t factor = number <= 1000   ? 1
                               : number <= 2000 ? 4
                               : number <= 3000 ? 16
                                                : 32;
  return part_bytes_min * factor;
}

struct ObjectWriter::Upload {
  std::string id;
  std::uint32_t parts = 0;
  std::mutex mutex;
  std::vector<store::UploadedPart> done;  // Guarded by mutex.
};

ObjectWriter::ObjectWriter(store::ObjectStore& store, WriterOptions options)
    : store_(store),
      options_(options),
      threads_("unpack", options.requests_max, options.requests_max) {}

ObjectWriter::~ObjectWriter() {
  static_cast<void>(WaitUntilIdle());
  if (upload_ == nullptr) return;
  const Status aborted =
      store_.AbortUpload(key_, upload_->id, Deadline::After(kAbortTimeout));
  if (!aborted.ok()) {
    log::Warn("an upload was given up and could not be aborted",
              {{"key", key_}, {"error", aborted.error().message}});
  }
}

Status ObjectWriter::Begin(std::string key,
                           std::optional<std::uint64_t> size_bytes) {
  DS_CHECK(upload_ == nullptr && body_.empty());
  DS_RETURN_IF_ERROR(CurrentError());
  if (!keys_.insert(std::hash<std::string>{}(key)).second) {
    DS_RETURN_IF_ERROR(WaitUntilIdle());
  }
  key_ = std::move(key);
  size_bytes_ = size_bytes;
  body_bytes_max_ = PartBytes(1, size_bytes_, options_.part_bytes_min);
  return OkStatus();
}

Status ObjectWriter::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    // A full part goes only when more comes, so that a file of one part is one
    // request.
    if (body_.size() == body_bytes_max_) DS_RETURN_IF_ERROR(SendPart());
    // At once: growing would hold it twice.
    if (body_.empty()) {
      body_.reserve(
          std::min(body_bytes_max_, size_bytes_.value_or(body_bytes_max_)));
    }
    const auto piece = bytes.first(
        std::min<std::uint64_t>(bytes.size(), body_bytes_max_ - body_.size()));
    body_.insert(body_.end(), piece.begin(), piece.end());
    bytes = bytes.subspan(piece.size());
  }
  return OkStatus();
}

Status ObjectWriter::SendPart() {
  if (upload_ == nullptr) {
    DS_ASSIGN_OR_RETURN(
        std::string id,
        store_.CreateUpload(key_, {},
                            Deadline::After(options_.request_timeout)));
    upload_ = std::make_unique<Upload>();
    upload_->id = std::move(id);
  }
  const std::uint32_t number = ++upload_->parts;
  if (number > kPartsMax) {
    return Error{ErrorCode::kResourceExhausted,
                 "the file has more than the 10,000 parts that a bucket takes"};
  }
  body_bytes_max_ = PartBytes(number + 1, size_bytes_, options_.part_bytes_min);
  const std::size_t size = body_.size();
  auto body = std::make_shared<std::vector<std::byte>>(std::move(body_));
  body_ = {};
  Upload* const upload = upload_.get();
  return Submit(size, [this, upload, number, body]() -> Status {
    DS_ASSIGN_OR_RETURN(
        store::UploadedPart part,
        store_.UploadPart(key_, upload->id, number, *body,
                          Deadline::After(options_.request_timeout)));
    const std::lock_guard lock(upload->mutex);
    upload->done.push_back(std::move(part));
    return OkStatus();
  });
}

Status ObjectWriter::End() {
  if (upload_ == nullptr) {
    const std::size_t size = body_.size();
    auto body = std::make_shared<std::vector<std::byte>>(std::move(body_));
    body_ = {};
    return Submit(size, [this, key = key_, body]() -> Status {
      const auto put =
          store_.Put(key, *body, {}, Deadline::After(options_.request_timeout));
      return put.ok() ? OkStatus() : Status(put.error());
    });
  }
  DS_RETURN_IF_ERROR(SendPart());
  DS_RETURN_IF_ERROR(WaitUntilIdle());
  std::ranges::sort(upload_->done, {}, &store::UploadedPart::number);
  const auto completed =
      store_.CompleteUpload(key_, upload_->id, upload_->done, {},
                            Deadline::After(options_.request_timeout));
  if (!completed.ok()) return completed.error();
  upload_ = nullptr;
  return OkStatus();
}

Status ObjectWriter::Finish() { return WaitUntilIdle(); }

Status ObjectWriter::Submit(std::size_t bytes,
                            std::function<Status()> request) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return error_ || requests_ == 0 ||
             bytes_under_way_ + bytes <= options_.memory_bytes_max;
    });
    if (error_) return *error_;
    ++requests_;
    bytes_under_way_ += bytes;
  }
  // The request's memory goes before its bytes are given back.
  auto owned = std::make_shared<std::function<Status()>>(std::move(request));
  threads_.Submit([this, bytes, owned] {
    Status done = CurrentError().ok() ? (*owned)() : OkStatus();
    *owned = nullptr;
    const std::lock_guard lock(mutex_);
    if (!done.ok() && !error_) error_ = std::move(done).error();
    --requests_;
    bytes_under_way_ -= bytes;
    changed_.notify_all();
  });
  return OkStatus();
}

Status ObjectWriter::WaitUntilIdle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return requests_ == 0; });
  if (error_) return *error_;
  return OkStatus();
}

Status ObjectWriter::CurrentError() {
  const std::lock_guard lock(mutex_);
  if (error_) return *error_;
  return OkStatus();
}

}  // namespace datashim::archive
