#include "cache/cache.h"

#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "base/log.h"

namespace datashim::cache {
namespace {

constexpr std::size_t kWriters = 2;
constexpr std::size_t kFinishers = 2;
constexpr std::size_t kQueueItemsMax = 4096;
constexpr std::chrono::minutes kTrimInterval{1};

// The calling thread gets the disk and the processor when nobody else wants
// them. Only a courtesy: it may fail.
void RunAtLowPriority() {
  (void)::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
                  IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 19);
}

}  // namespace

Result<std::unique_ptr<Cache>> Cache::Open(const CacheOptions& options,
                                           Clock& clock) {
  DS_ASSIGN_OR_RETURN(Directory directory, Directory::Open(options.directory));
  std::unique_ptr<Cache> cache(new Cache(options, std::move(directory), clock));
  DS_RETURN_IF_ERROR(cache->Adopt());
  cache->keeper_ = std::jthread(
      [made = cache.get()](std::stop_token stop) { made->Keep(stop); });
  return cache;
}

Cache::Cache(const CacheOptions& options, Directory directory, Clock& clock)
    : options_(options),
      directory_(std::move(directory)),
      clock_(clock),
      writers_("cache-write", kWriters, kQueueItemsMax),
      finishers_("cache-finish", kFinishers, kQueueItemsMax) {}

Cache::~Cache() {
  keeper_ = {};
  writers_.Stop();  // These may still finish a file.
  finishers_.Stop();
}

Status Cache::Adopt() {
  DS_ASSIGN_OR_RETURN(const auto adopted, directory_.Adopt());
  const std::lock_guard lock(mutex_);
  for (const Directory::Adopted& file : adopted) {
    index_.Insert(file.name, file.bytes);
    records_[file.name].number = ++last_number_;
  }
  return OkStatus();
}

std::shared_ptr<CachedObject> Cache::Find(const ObjectId& id) {
  return FindNamed(EntryName(id), &id);
}

std::shared_ptr<CachedObject> Cache::FindNamed(const std::string& name,
                                               const ObjectId* id) {
  std::uint64_t number = 0;
  std::shared_ptr<CachedObject> open;  // Must not end with the lock.
  {
    const std::lock_guard lock(mutex_);
    const auto at = records_.find(name);
    if (at == records_.end()) return nullptr;
    if (id != nullptr) index_.Touch(name);
    number = at->second.number;
    open = at->second.open.lock();
    if (open && id != nullptr) PinLocked(*open);
    if (!open && at->second.filling) return nullptr;  // Not yet, or no more.
  }
  if (open) {
    if (id != nullptr) directory_.MarkUsed(name);
    const bool fits = id == nullptr || open->id() == *id;
    return fits && !open->gone() ? open : nullptr;
  }
  auto manifest = directory_.ReadManifest(name);
  if (manifest.ok() && id != nullptr && manifest->id != *id) return nullptr;
  auto file = manifest.ok() ? directory_.OpenComplete(name, *manifest)
                            : Result<sys::UniqueFd>(manifest.error());
  const std::lock_guard lock(mutex_);
  const auto at = records_.find(name);
  if (at == records_.end() || at->second.number != number) return nullptr;
  open = at->second.open.lock();
  if (open) {
    if (id != nullptr) PinLocked(*open);
    return open;
  }
  if (!file.ok()) {
    if (file.error().code != ErrorCode::kDataLoss &&
        file.error().code != ErrorCode::kNotFound) {
      return nullptr;  // No descriptor left, for example.
    }
    log::Warn("a cache file is damaged and removed",
              {{"file", name}, {"why", file.error().message}});
    index_.Remove(name);
    records_.erase(at);
    directory_.RemoveComplete(name);
    return nullptr;
  }
  std::shared_ptr<CachedObject> object(
      new CachedObject(*this, number, name, *std::move(manifest),
                       *std::move(file), at->second.verified));
  at->second.open = object;
  if (id != nullptr) {
    PinLocked(*object);
    directory_.MarkUsed(name);
  }
  return object;
}

std::shared_ptr<CachedObject> Cache::FindOrStart(const ObjectId& id) {
  if (auto found = Find(id)) return found;
  if (id.bytes < options_.object_bytes_min || id.etag.empty()) return nullptr;
  return Start(id);
}

std::shared_ptr<CachedObject> Cache::Start(const ObjectId& id) {
  const std::string name = EntryName(id);
  std::shared_ptr<CachedObject> object;
  const std::lock_guard one_at_a_time(start_mutex_);
  const auto disk = directory_.Space();
  if (!disk.ok()) {
    DiskFailed(disk.error());
    return nullptr;
  }
  std::optional<std::vector<std::uint64_t>> evicted;
  {
    const std::lock_guard lock(mutex_);
    if (IsResting() || records_.count(name) > 0) return nullptr;
    evicted = EvictLocked(*disk, id.bytes);
    if (evicted) object = InsertLocked(id, name);
  }
  if (!evicted) {
    if (const Status space = CheckSpace(); !space.ok())
      DiskFailed(space.error());
    return nullptr;
  }
  for (const std::uint64_t number : *evicted) directory_.RemoveRetired(number);
  if (!object->Reserve()) return nullptr;
  const std::lock_guard lock(mutex_);
  // Nobody could find it before.
  records_.at(name).open = object;
  return object;
}

std::shared_ptr<CachedObject> Cache::InsertLocked(const ObjectId& id,
                                                  const std::string& name) {
  Record& record = records_[name];
  record.number = ++last_number_;
  record.filling = true;
  index_.Insert(name, id.bytes);
  std::shared_ptr<CachedObject> object(
      new CachedObject(*this, record.number, name, Manifest{id, {}},
                       sys::UniqueFd(), /*verified=*/false));
  PinLocked(*object);
  return object;
}

std::optional<std::vector<std::uint64_t>> Cache::EvictLocked(
    const DiskSpace& disk, std::uint64_t needed) {
  const auto bytes =
      BytesToEvict(options_.limits, disk, index_.bytes(), needed);
  if (!bytes) return std::nullopt;
  const auto victims = index_.Victims(*bytes);
  if (!victims) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : *victims) {
    numbers.push_back(records_.at(name).number);
    index_.Remove(name);
    records_.erase(name);
    directory_.Retire(name, numbers.back());
  }
  return numbers;
}

bool Cache::HasWriteRoom(std::uint64_t bytes) const {
  return write_queue_bytes_ + bytes <= options_.write_queue_bytes_max;
}

bool Cache::TakeWriteRoom(std::uint64_t bytes) {
  if (write_queue_bytes_.fetch_add(bytes) + bytes <=
      options_.write_queue_bytes_max) {
    return true;
  }
  GiveWriteRoom(bytes);
  return false;
}

void Cache::GiveWriteRoom(std::uint64_t bytes) { write_queue_bytes_ -= bytes; }

std::uint64_t Cache::bytes_used() const {
  const std::lock_guard lock(mutex_);
  return index_.bytes();
}

void Cache::PinLocked(CachedObject& object) {
  if (!std::exchange(object.pinned_, true)) index_.Pin(object.name_);
}

Cache::Records::iterator Cache::FindRecord(const CachedObject& object) {
  const auto at = records_.find(object.name_);
  const bool same = at != records_.end() && at->second.number == object.number_;
  return same ? at : records_.end();
}

void Cache::Completed(const CachedObject& object) {
  DiskWorks();
  const std::lock_guard lock(mutex_);
  const auto at = FindRecord(object);
  if (at == records_.end()) return;
  at->second.filling = false;
  at->second.verified = true;
}

void Cache::Verified(const CachedObject& object) {
  const std::lock_guard lock(mutex_);
  const auto at = FindRecord(object);
  if (at != records_.end()) at->second.verified = true;
}

void Cache::Closed(const CachedObject& object) {
  {
    const std::lock_guard lock(mutex_);
    const auto at = FindRecord(object);
    if (at == records_.end()) return;
    if (object.pinned_) index_.Unpin(object.name_);
    if (!at->second.filling) return;
    index_.Remove(object.name_);
    records_.erase(at);
  }
  directory_.RemoveFilling(object.number_);
}

void Cache::Dropped(const CachedObject& object) {
  const std::lock_guard lock(mutex_);
  const auto at = FindRecord(object);
  if (at == records_.end()) return;
  index_.Remove(object.name_);
  records_.erase(at);
  directory_.RemoveFilling(object.number_);
  // With the lock: another may take the name as soon as it is free.
  directory_.RemoveComplete(object.name_);
}

void Cache::DiskFailed(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    failed_at_ = clock_.Now();
    if (std::exchange(failure_, error)) return;
  }
  log::Warn("the cache disk fails; reads go on without it",
            {{"directory", directory_.path()}, {"error", error.message}});
}

void Cache::DiskWorks() {
  {
    const std::lock_guard lock(mutex_);
    failed_at_.reset();
    if (!std::exchange(failure_, std::nullopt)) return;
  }
  log::Info("the cache disk works again", {{"directory", directory_.path()}});
}

std::optional<Error> Cache::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

bool Cache::IsResting() const {
  return failed_at_ && clock_.Now() - *failed_at_ < options_.retry_after;
}

void Cache::Keep(std::stop_token stop) {
  SetThreadName("cache-keep");
  RunAtLowPriority();
  std::optional<MonotonicTime> scrubbed_at;
  do {
    Trim();
    CheckDisk();
    if (!scrubbed_at ||
        clock_.Now() - *scrubbed_at >= options_.scrub_interval) {
      scrubbed_at = clock_.Now();
      Scrub(stop);
    }
  } while (clock_.SleepFor(kTrimInterval, stop));
}

// Others may have filled the disk, or the limits are smaller than they were.
void Cache::Trim() {
  const std::lock_guard one_at_a_time(start_mutex_);
  const auto disk = directory_.Space();
  if (!disk.ok()) return DiskFailed(disk.error());
  std::optional<std::vector<std::uint64_t>> evicted;
  {
    const std::lock_guard lock(mutex_);
    evicted = EvictLocked(*disk, 0);
  }
  if (!evicted) return;
  for (const std::uint64_t number : *evicted) directory_.RemoveRetired(number);
}

Status Cache::CheckSpace() const {
  DS_ASSIGN_OR_RETURN(const DiskSpace disk, directory_.Space());
  if (BytesToEvict(options_.limits, disk, bytes_used(),
                   options_.object_bytes_min)) {
    return OkStatus();
  }
  return Error{
      ErrorCode::kResourceExhausted,
      "no room for copies: " + std::to_string(disk.available_bytes >> 20) +
          " of " + std::to_string(disk.total_bytes >> 20) +
          " MiB are free, and " +
          std::to_string(options_.limits.disk_free_percent_min) +
          " % of the disk have to stay so"};
}

// Notices a disk that is full, or works again, although nobody reads.
void Cache::CheckDisk() {
  Status works = CheckSpace();
  if (works.ok() && failure()) works = directory_.Probe();
  if (!works.ok()) return DiskFailed(works.error());
  DiskWorks();
}

void Cache::Scrub(std::stop_token stop) {
  std::vector<std::string> names;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, record] : records_) {
      if (!record.filling) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    if (stop.stop_requested()) return;
    const auto object = FindNamed(name, nullptr);
    if (object) object->Scrub(stop);
  }
}

}  // namespace datashim::cache
