#include "store/testing/memory_store.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace datashim::store {
namespace {

// S3: a key has at most 1,024 bytes of UTF-8.
constexpr std::size_t kKeyBytesMax = 1024;
constexpr std::uint32_t kPartNumberMax = 10'000;

std::string AsString(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Error NotFound(const std::string& key) {
  return {ErrorCode::kNotFound, "object \"" + key + "\": no such key"};
}

Error NoUpload(const std::string& id) {
  return {ErrorCode::kNotFound, "upload \"" + id + "\": no such upload"};
}

Status CheckKey(const std::string& key) {
  if (key.empty()) {
    return Error{ErrorCode::kInvalidArgument, "an object needs a key"};
  }
  if (key.size() > kKeyBytesMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "key of " + std::to_string(key.size()) +
                     " bytes: S3 takes at most 1,024"};
  }
  return OkStatus();
}

// The smallest text that is greater than every text that starts with `prefix`;
// empty when there is none.
std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty()) {
    if (static_cast<unsigned char>(prefix.back()) != 0xff) {
      ++prefix.back();
      return prefix;
    }
    prefix.pop_back();
  }
  return prefix;
}

}  // namespace

MemoryStore::MemoryStore(MemoryStoreOptions options) : options_(options) {}
MemoryStore::~MemoryStore() = default;

Status MemoryStore::Enter(StoreCall call, const std::string& key,
                          Deadline deadline) {
  const Error too_late{ErrorCode::kDeadlineExceeded,
                       "object \"" + key + "\": the deadline passed"};
  // Deadlines are points of the real clock, as for any store; `clock` dates
  // objects.
  if (deadline.HasPassed()) return too_late;
  std::shared_ptr<const Hook> hook;
  {
    std::unique_lock lock(mutex_);
    ++calls_[call];
    Gate& gate = gates_[call];
    if (gate.closed) {
      ++gate.waiting;
      changed_.notify_all();
      const auto open = [&] { return !gate.closed; };
      bool opened = true;
      if (deadline.time() == MonotonicTime::max()) {
        changed_.wait(lock, open);
      } else {
        opened = changed_.wait_until(lock, deadline.time(), open);
      }
      --gate.waiting;
      if (!opened) return too_late;
    }
    hook = hook_;
  }
  if (hook) DS_RETURN_IF_ERROR((*hook)(call, key));

  std::lock_guard lock(mutex_);
  auto& faults = faults_[call];
  if (!faults.empty()) {
    const ErrorCode code = faults.front();
    faults.pop_front();
    return Error{code, "object \"" + key + "\": fault of the test"};
  }
  return OkStatus();
}

ObjectInfo MemoryStore::Insert(const std::string& key, std::string bytes,
                               std::string etag) {
  Object& object = objects_[key];
  object.info = {
      key, bytes.size(), std::move(etag),
      std::chrono::floor<std::chrono::milliseconds>(options_.clock->WallNow())};
  object.bytes = std::make_shared<const std::string>(std::move(bytes));
  return object.info;
}

Result<MemoryStore::Object> MemoryStore::Find(const std::string& key,
                                              const std::string& etag) const {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return NotFound(key);
  if (!etag.empty() && found->second.info.etag != etag) {
    return Error{ErrorCode::kFailedPrecondition,
                 "object \"" + key + "\": it has changed"};
  }
  return found->second;
}

Result<std::size_t> MemoryStore::Get(const std::string& key,
                                     const std::string& etag, ByteRange range,
                                     std::span<std::byte> out,
                                     Deadline deadline) {
  DS_CHECK(out.size() == range.size);
  DS_RETURN_IF_ERROR(Enter(StoreCall::kGet, key, deadline));
  DS_RETURN_IF_ERROR(CheckKey(key));
  std::shared_ptr<const std::string> bytes;
  {
    std::lock_guard lock(mutex_);
    DS_ASSIGN_OR_RETURN(Object object, Find(key, etag));
    bytes = object.bytes;
  }
  if (range.offset >= bytes->size()) return std::size_t{0};
  const std::size_t size =
      std::min<std::uint64_t>(range.size, bytes->size() - range.offset);
  std::memcpy(out.data(), bytes->data() + range.offset, size);
  return size;
}

Result<ObjectInfo> MemoryStore::Head(const std::string& key,
                                     Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kHead, key, deadline));
  DS_RETURN_IF_ERROR(CheckKey(key));
  std::lock_guard lock(mutex_);
  DS_ASSIGN_OR_RETURN(Object object, Find(key, {}));
  return object.info;
}

Result<ListPage> MemoryStore::List(const ListRequest& request,
                                   Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kList, request.prefix, deadline));
  const std::size_t keys_max =
      std::min(request.keys_max, options_.list_keys_max);
  ListPage page;
  std::lock_guard lock(mutex_);
  // A continuation is the last key or group of the page before; nothing of
  // that group is given again. The marker of the prefix itself is no group.
  const std::string& after =
      std::max(request.start_after, request.continuation);
  const bool is_group =
      after == request.continuation && after.size() > request.prefix.size() &&
      !request.delimiter.empty() && after.ends_with(request.delimiter);
  auto at = is_group ? objects_.lower_bound(PrefixEnd(after))
                     : objects_.upper_bound(after);
  if (after.empty() || after < request.prefix) {
    at = objects_.lower_bound(request.prefix);
  }
  std::string last;
  while (at != objects_.end() && at->first.starts_with(request.prefix)) {
    if (page.objects.size() + page.prefixes.size() == keys_max) {
      page.continuation = last;
      break;
    }
    const std::size_t cut =
        request.delimiter.empty()
            ? std::string::npos
            : at->first.find(request.delimiter, request.prefix.size());
    if (cut == std::string::npos) {
      page.objects.push_back(at->second.info);
      last = at->first;
      ++at;
      continue;
    }
    last = at->first.substr(0, cut + request.delimiter.size());
    page.prefixes.push_back(last);
    at = objects_.lower_bound(PrefixEnd(last));
  }
  return page;
}

Result<ObjectInfo> MemoryStore::Put(const std::string& key,
                                    std::span<const std::byte> body,
                                    const PutOptions& options,
                                    Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kPut, key, deadline));
  DS_RETURN_IF_ERROR(CheckKey(key));
  std::lock_guard lock(mutex_);
  if (options.if_none_match && objects_.contains(key)) {
    return Error{ErrorCode::kAlreadyExists,
                 "object \"" + key + "\": it exists"};
  }
  return Insert(key, AsString(body),
                "\"v" + std::to_string(++versions_) + "\"");
}

Result<std::string> MemoryStore::CreateUpload(const std::string& key,
                                              const PutOptions&,
                                              Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kCreateUpload, key, deadline));
  DS_RETURN_IF_ERROR(CheckKey(key));
  std::lock_guard lock(mutex_);
  std::string id = "upload-" + std::to_string(++versions_);
  uploads_[id].key = key;
  return id;
}

Result<UploadedPart> MemoryStore::UploadPart(const std::string& key,
                                             const std::string& upload_id,
                                             std::uint32_t number,
                                             std::span<const std::byte> body,
                                             Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kUploadPart, key, deadline));
  DS_RETURN_IF_ERROR(CheckKey(key));
  if (number < 1 || number > kPartNumberMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "part " + std::to_string(number) + " is not in 1..10,000"};
  }
  std::lock_guard lock(mutex_);
  const auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end() || upload->second.key != key) {
    return NoUpload(upload_id);
  }
  Object& part = upload->second.parts[number];
  part.bytes = std::make_shared<const std::string>(AsString(body));
  part.info.etag = "\"p" + std::to_string(++versions_) + "\"";
  return UploadedPart{number, part.info.etag};
}

Result<std::string> MemoryStore::Assemble(
    const Upload& upload, const std::vector<UploadedPart>& parts) const {
  const auto refuse = [&](const std::string& why) {
    return Error{ErrorCode::kInvalidArgument,
                 "upload of \"" + upload.key + "\": " + why};
  };
  if (parts.empty()) return refuse("it has no parts");
  std::string bytes;
  std::uint32_t before = 0;
  for (const UploadedPart& part : parts) {
    const std::string name = "part " + std::to_string(part.number);
    if (part.number <= before) return refuse(name + " is out of order");
    before = part.number;
    const auto found = upload.parts.find(part.number);
    if (found == upload.parts.end() || found->second.info.etag != part.etag) {
      return refuse(name + " was not uploaded with this etag");
    }
    const std::string& body = *found->second.bytes;
    if (&part != &parts.back() && body.size() < options_.part_bytes_min) {
      return refuse(name + " is too small");
    }
    bytes += body;
  }
  return bytes;
}

Result<ObjectInfo> MemoryStore::CompleteUpload(
    const std::string& key, const std::string& upload_id,
    const std::vector<UploadedPart>& parts, const PutOptions& options,
    Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kCompleteUpload, key, deadline));
  std::lock_guard lock(mutex_);
  const auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end() || upload->second.key != key) {
    return NoUpload(upload_id);
  }
  if (options.if_none_match && objects_.contains(key)) {
    return Error{ErrorCode::kAlreadyExists,
                 "object \"" + key + "\": it exists"};
  }
  DS_ASSIGN_OR_RETURN(std::string bytes, Assemble(upload->second, parts));
  uploads_.erase(upload);
  return Insert(key, std::move(bytes),
                "\"v" + std::to_string(++versions_) + "-" +
                    std::to_string(parts.size()) + "\"");
}

Status MemoryStore::AbortUpload(const std::string& key,
                                const std::string& upload_id,
                                Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kAbortUpload, key, deadline));
  DS_RETURN_IF_ERROR(CheckKey(key));
  std::lock_guard lock(mutex_);
  uploads_.erase(upload_id);
  return OkStatus();
}

Status MemoryStore::Delete(const std::string& key, Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kDelete, key, deadline));
  DS_RETURN_IF_ERROR(CheckKey(key));
  std::lock_guard lock(mutex_);
  objects_.erase(key);
  return OkStatus();
}

Result<ObjectInfo> MemoryStore::Copy(const std::string& source_key,
                                     const std::string& source_etag,
                                     const std::string& key,
                                     Deadline deadline) {
  DS_RETURN_IF_ERROR(Enter(StoreCall::kCopy, source_key, deadline));
  DS_RETURN_IF_ERROR(CheckKey(key));
  std::lock_guard lock(mutex_);
  DS_ASSIGN_OR_RETURN(Object source, Find(source_key, source_etag));
  return Insert(key, *source.bytes, "\"v" + std::to_string(++versions_) + "\"");
}

ObjectInfo MemoryStore::PutText(const std::string& key, std::string text) {
  std::lock_guard lock(mutex_);
  return Insert(key, std::move(text),
                "\"v" + std::to_string(++versions_) + "\"");
}

std::optional<std::string> MemoryStore::Text(const std::string& key) const {
  std::lock_guard lock(mutex_);
  const auto found = objects_.find(key);
  if (found == objects_.end()) return std::nullopt;
  return *found->second.bytes;
}

std::vector<std::string> MemoryStore::Keys() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> keys;
  for (const auto& [key, object] : objects_) keys.push_back(key);
  return keys;
}

std::size_t MemoryStore::open_uploads() const {
  std::lock_guard lock(mutex_);
  return uploads_.size();
}

void MemoryStore::FailNext(StoreCall call, int count, ErrorCode code) {
  std::lock_guard lock(mutex_);
  auto& faults = faults_[call];
  faults.insert(faults.end(), static_cast<std::size_t>(count), code);
}

void MemoryStore::SetHook(Hook hook) {
  std::lock_guard lock(mutex_);
  hook_ = hook ? std::make_shared<const Hook>(std::move(hook)) : nullptr;
}

std::uint64_t MemoryStore::calls(StoreCall call) const {
  std::lock_guard lock(mutex_);
  const auto found = calls_.find(call);
  return found == calls_.end() ? 0 : found->second;
}

void MemoryStore::Hold(StoreCall call) {
  std::lock_guard lock(mutex_);
  gates_[call].closed = true;
}

void MemoryStore::Release(StoreCall call) {
  std::lock_guard lock(mutex_);
  gates_[call].closed = false;
  changed_.notify_all();
}

bool MemoryStore::AwaitHeld(StoreCall call, int count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10),
                           [&] { return gates_[call].waiting >= count; });
}

}  // namespace datashim::store
