// The half of ReadPath that fetches: threads, memory, eviction.

#include <algorithm>
#include <utility>

#include "fs/error_map.h"
#include "fs/read_parts.h"
#include "fs/read_path.h"

namespace datashim::fs {
namespace {

// Without a fetch for this long, memory goes back to the kernel: it has the
// pages that were read in its own cache.
constexpr auto kTrimAfter = std::chrono::seconds(30);

bool Overlap(store::ByteRange a, store::ByteRange b) {
  return a.offset < b.end() && b.offset < a.end();
}

}  // namespace

void ReadPath::Post(std::size_t events) {
  if (events == 0) return;
  {
    const std::lock_guard lock(wake_mutex_);
    ++posts_;
  }
  if (events >= options_.fetches_max) return wake_.notify_all();
  for (std::size_t i = 0; i < events; ++i) wake_.notify_one();
}

void ReadPath::Wake() {
  if (wants_memory_.exchange(false)) Post(1);
}

void ReadPath::Run(bool trims) {
  std::uint64_t seen = 0;
  while (true) {
    PartPtr part;
    std::shared_ptr<ReadFile> start;
    bool is_short = false;  // Reads wait for memory.
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      start = TakeStart();
      if (!start) part = TakePart();
      is_short = !part && !demanded_.empty() && memory_short_;
    }
    if (start) {
      StartFill(start);
      continue;
    }
    if (part) {
      Fetch(part);
      continue;
    }
    if (is_short && pool_.ReclaimFromOthers()) continue;
    std::unique_lock lock(wake_mutex_);
    const auto posted = [&] { return posts_ != seen; };
    if (!trims) {
      wake_.wait(lock, posted);
    } else if (!wake_.wait_for(lock, kTrimAfter, posted)) {
      lock.unlock();
      Trim();
      continue;
    }
    seen = posts_;
  }
}

// The next part to fetch, with its buffer.
ReadPath::PartPtr ReadPath::TakePart() {
  if (!demanded_.empty()) return TakeQueued(demanded_, true);
  if (ahead_fetches_ == ahead_fetches_max_) return nullptr;
  return ahead_.empty() ? TakeFill() : TakeQueued(ahead_, false);
}

// Demand is served in order: the first one that waits for memory holds up the
// others, so that it gets some.
ReadPath::PartPtr ReadPath::TakeQueued(std::list<PartPtr>& queue, bool demand) {
  PartPtr part = queue.front();
  if (!GiveBuffer(*part, demand)) {
    memory_short_ = true;
    return nullptr;
  }
  part->state = Part::State::kFetching;
  queue.pop_front();
  if (!demand) {
    part->fetched_ahead = true;
    ++ahead_fetches_;
  }
  // Wake woke one thread, this one; there may be memory for more.
  if (std::exchange(memory_short_, false) && !queue.empty()) Post(1);
  return part;
}

bool ReadPath::GiveBuffer(Part& part, bool demand) {
  const auto use = demand ? BufferUse::kRead : BufferUse::kReadAhead;
  for (bool last_try = false;;) {
    if (auto buffer = pool_.TryAllocate(part.range.size, use)) {
      part.buffer = std::move(*buffer);
      return true;
    }
    if (EvictOne(demand)) continue;
    if (demand && Shrink(part)) continue;
    if (last_try) return false;
    // Before the last try, so that memory freed after it wakes us.
    wants_memory_ = true;
    last_try = true;
  }
}

// Memory is short: fetches no more than what reads wait for.
bool ReadPath::Shrink(Part& part) {
  std::uint64_t begin = part.range.end();
  std::uint64_t end = part.range.offset;
  for (const PendingPtr& read : part.waiters) {
    if (!read->done) continue;
    begin = std::min(begin, std::max(read->range.offset, part.range.offset));
    end = std::max(end, std::min(read->range.end(), part.range.end()));
  }
  if (begin >= end || end - begin == part.range.size) return false;
  auto node = part.file->parts.extract(part.range.offset);
  part.range = {begin, end - begin};
  node.key() = begin;
  part.file->parts.insert(std::move(node));
  return true;
}

// Evicts a part that no reply uses, one that was read before if there is one.
// What the oldest waiting read needs stays, if it is the oldest of all.
bool ReadPath::EvictOne(bool unread_too) {
  const PendingRead* oldest = pending_.empty() || !pool_.IsOldestWaiter()
                                  ? nullptr
                                  : pending_.front().get();
  Part* victim = nullptr;
  for (Part* part : ready_) {
    const PartPtr& owner = part->file->parts.find(part->range.offset)->second;
    if (owner.use_count() > 1) continue;
    if (oldest != nullptr && oldest->file == part->file &&
        Overlap(oldest->range, part->range)) {
      continue;
    }
    if (part->read) {
      victim = part;
      break;
    }
    if (victim == nullptr && unread_too) victim = part;
  }
  if (victim == nullptr) return false;
  Erase(*victim);
  return true;
}

void ReadPath::Trim() {
  {
    const std::lock_guard lock(mutex_);
    while (EvictOne(/*unread_too=*/false)) {
    }
  }
  pool_.Trim();
}

bool ReadPath::ReclaimOne() {
  const std::lock_guard lock(mutex_);
  return EvictOne(true);
}

void ReadPath::Fetch(const PartPtr& part) {
  const std::shared_ptr<ReadFile> file = part->file;
  std::string key;
  std::string etag;
  std::uint32_t relocations = 0;
  std::shared_ptr<cache::CachedObject> copy;
  {
    const std::lock_guard lock(mutex_);
    key = file->version.key;
    etag = file->version.etag;
    relocations = file->relocations;
    copy = file->ReadableCopy();
  }
  const auto buffer = part->buffer.first(part->range.size);
  const MonotonicTime begin = SystemClock().Now();
  const bool copied = copy && copy->Read(part->range, buffer);
  const Result<std::size_t> got =
      copied ? Result<std::size_t>(buffer.size())
             : store_.Get(key, etag, part->range, buffer,
                          Deadline::After(options_.request_timeout));
  const MonotonicTime end = SystemClock().Now();
  Finished finished;
  std::size_t queued = 0;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(part->fetched_ahead, false)) --ahead_fetches_;
    const bool fills = std::exchange(part->fills, false);
    if (fills) --fill_fetches_;
    const bool whole = got.ok() && *got == part->range.size;
    bool is_kept = copied;  // On the disk.
    if (whole && !copied) {
      window_.OnFetched(*got, begin, end);
      file->fetched_bytes += *got;
      file->may_read = true;
      file->fill_failures = 0;
      is_kept = WriteCopy(part);
    }
    if (part->state == Part::State::kErased) {
      // Closed meanwhile.
    } else if (whole && part->waiters.empty() &&
               (file->closed || (fills && is_kept))) {
      Erase(*part);
    } else if (whole) {
      queued = Arrived(*part, finished);
    } else if (relocations != file->relocations) {
      part->buffer.Reset();  // Renamed meanwhile: once more, from there.
      part->state = Part::State::kDemanded;
      part->queued = demanded_.insert(demanded_.begin(), part);
    } else if (got.ok()) {
      Failed(*part,
             {FsError::kIo, "object \"" + key + "\": the store sent " +
                                std::to_string(*got) + " bytes of " +
                                std::to_string(part->range.size)},
             finished);
    } else {
      const FsFailure failure = ToReadFailure(got.error());
      Failed(*part, failure, finished);
      if (fills) FillFailed(*file, failure);
    }
  }
  Post(queued);
  Deliver(std::move(finished));
}

}  // namespace datashim::fs
