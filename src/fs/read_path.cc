#include "fs/read_path.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/thread_pool.h"
#include "fs/error_map.h"
#include "fs/read_parts.h"

namespace datashim::fs {

using store::ByteRange;

ReadPath::ReadPath(store::ObjectStore& store, BufferShare& pool,
                   const DiskCache& disk, const ReadPathOptions& options)
    : store_(store),
      pool_(pool),
      disk_(disk),
      options_(options),
      ahead_fetches_max_(std::max<std::size_t>(
          1, options.fetches_max - options.fetches_max / 4)),
      fill_fetches_max_(std::max<std::size_t>(1, options.fetches_max / 4)),
      window_(options.window) {
  DS_CHECK(options.fetches_max > 0);
  for (std::uint32_t i = 0; i < options.fetches_max; ++i) {
    threads_.emplace_back([this, i] {
      SetThreadName("fetch/" + std::to_string(i));
      Run(i == 0);
    });
  }
}

ReadPath::~ReadPath() { Stop(); }

std::shared_ptr<ReadFile> ReadPath::Open(
    ObjectVersion version, std::shared_ptr<cache::CachedObject> copy) {
  {
    const std::lock_guard lock(mutex_);
    for (const auto* files : {&starts_, &fills_}) {
      for (const auto& file : *files) {
        if (file->version != version) continue;
        file->closed = false;
        file->may_read = file->may_read || copy;
        return file;
      }
    }
  }
  auto file = std::make_shared<ReadFile>(std::move(version), options_.planner);
  file->may_read = copy != nullptr;
  file->copy = std::move(copy);
  if (disk_.cache && (!file->copy || file->copy->filling())) {
    file->fill = ReadFile::Fill::kPossible;
  }
  return file;
}

void ReadPath::FetchAhead(ReadFile& file) {
  std::size_t queued = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) queued = AddParts(file, {0, file.version.size});
  }
  Post(queued);
}

void ReadPath::Close(ReadFile& file) {
  Finished finished;
  std::vector<PartPtr> dropped;  // Ends after the lock.
  {
    const std::lock_guard lock(mutex_);
    file.closed = true;
    for (auto at = file.parts.begin(); at != file.parts.end();) {
      const PartPtr part = (at++)->second;
      // What is on its way goes to the disk.
      if (file.fill == ReadFile::Fill::kRunning && part->waiters.empty() &&
          part->state == Part::State::kFetching) {
        continue;
      }
      Failed(*part, {FsError::kBadHandle, "the file was closed"}, finished);
      dropped.push_back(part);
    }
  }
  Deliver(std::move(finished));
}

void ReadPath::Relocate(ReadFile& file, const std::string& key,
                        const std::string& etag) {
  const std::lock_guard lock(mutex_);
  file.version.key = key;
  file.version.etag = etag;
  ++file.relocations;
}

void ReadPath::Read(const std::shared_ptr<ReadFile>& file, ByteRange range,
                    ReadDone done) {
  if (range.size > kReadBytesMax) {
    return done(FsFailure{FsError::kInvalid, "a read of more than 2 MiB"});
  }
  range.offset = std::min(range.offset, file->version.size);
  range.size = std::min(range.size, file->version.size - range.offset);
  std::shared_ptr<cache::CachedObject> copy;
  {
    const std::lock_guard lock(mutex_);
    copy = file->ReadableCopy();
  }
  if (copy && copy->whole() && range.size > 0) {
    if (auto reply = ReadCopy(*copy, range)) return done(std::move(*reply));
  }
  std::optional<FsResult<ReadReply>> result;
  std::size_t queued = 0;
  {
    const std::lock_guard lock(mutex_);
    if (range.size == 0) {
      result.emplace(ReadReply{});
    } else if (stopping_ || file->closed) {
      result.emplace(FsFailure{FsError::kIo, "the file system stops"});
    } else {
      const ReadPlan plan = file->planner.OnRead(range, WindowFor(*file));
      DropPlanned(*file, plan.dropped);
      for (const ByteRange& piece : plan.pieces)
        queued += AddParts(*file, piece);
      if (auto reply = TryReply(*file, range)) {
        result.emplace(std::move(*reply));
      } else {
        queued += Await(AddPending(file, range, std::move(done)));
      }
      queued += WantFill(file, plan);
      // Until it is known whether they are to be written to the disk.
      if (file->fill != ReadFile::Fill::kPossible) DropSpent(*file, plan.spent);
    }
  }
  Post(queued);
  // NOLINTNEXTLINE(bugprone-use-after-move): moved only where result is empty.
  if (result) done(std::move(*result));
}

// What keeps the network busy is shared by the files that are read now.
std::uint64_t ReadPath::WindowFor(const ReadFile& file) {
  if (file.version.size <= options_.planner.whole_bytes_max) return 0;
  return std::max(window_.bytes() / active_files_.OnRead(&file),
                  2 * options_.planner.part_bytes);
}

// Queues fetches for what of `range` no part covers yet.
std::size_t ReadPath::AddParts(ReadFile& file, ByteRange range, bool planned) {
  std::size_t added = 0;
  std::uint64_t at = range.offset;
  auto next = file.parts.upper_bound(at);
  if (next != file.parts.begin()) {
    at = std::max(at, std::prev(next)->second->range.end());
  }
  while (at < range.end()) {
    next = file.parts.lower_bound(at);
    const std::uint64_t limit =
        next == file.parts.end() ? range.end() : next->first;
    if (limit == at) {
      at = next->second->range.end();
      continue;
    }
    const std::uint64_t size =
        std::min({limit, range.end(), at + options_.planner.part_bytes}) - at;
    auto part = std::make_shared<Part>();
    part->file = file.shared_from_this();
    part->range = {at, size};
    part->planned = planned;
    file.parts.emplace(at, part);
    part->queued = ahead_.insert(ahead_.end(), part);
    at += size;
    ++added;
  }
  return added;
}

// Registers the read with every part that it needs and has to wait for.
std::size_t ReadPath::Await(const PendingPtr& read) {
  ReadFile& file = *read->file;
  std::size_t queued = AddParts(file, read->range, /*planned=*/false);
  auto at = std::prev(file.parts.upper_bound(read->range.offset));
  for (; at != file.parts.end() && at->first < read->range.end(); ++at) {
    const PartPtr& part = at->second;
    if (part->state == Part::State::kReady) continue;
    ++read->parts_missing;
    part->waiters.push_back(read);
    if (part->state == Part::State::kAhead) {
      part->state = Part::State::kDemanded;
      demanded_.splice(demanded_.end(), ahead_, part->queued);
      ++queued;
    }
  }
  return queued;
}

std::optional<ReadReply> ReadPath::TryReply(ReadFile& file, ByteRange range) {
  auto at = file.parts.upper_bound(range.offset);
  if (at == file.parts.begin()) return std::nullopt;
  --at;
  ReadReply reply;
  auto hold = std::make_shared<Hold>(*this);
  for (std::uint64_t offset = range.offset; offset < range.end(); ++at) {
    if (at == file.parts.end()) return std::nullopt;
    const PartPtr& part = at->second;
    if (part->state != Part::State::kReady || part->range.offset > offset ||
        part->range.end() <= offset) {
      return std::nullopt;
    }
    const std::uint64_t size =
        std::min(part->range.end(), range.end()) - offset;
    reply.pieces.emplace_back(
        part->buffer.data() + (offset - part->range.offset), size);
    hold->parts.push_back(part);
    offset += size;
  }
  for (const PartPtr& part : hold->parts) {
    part->read = true;
    ready_.splice(ready_.end(), ready_, part->ready);
  }
  reply.owner = std::move(hold);
  return reply;
}

void ReadPath::DropSpent(ReadFile& file, ByteRange spent) {
  auto at = file.parts.lower_bound(spent.offset);
  while (at != file.parts.end() && at->second->range.end() <= spent.end()) {
    Part& part = *(at++)->second;
    // Not read: a reader that skips, or another one, may still want it.
    if (part.state == Part::State::kReady && part.read) Erase(part);
  }
}

void ReadPath::DropPlanned(ReadFile& file, ByteRange dropped) {
  auto at = file.parts.lower_bound(dropped.offset);
  while (at != file.parts.end() && at->first < dropped.end()) {
    Part& part = *(at++)->second;
    part.read = true;  // Nobody waits for it: the first to be evicted.
    if (part.state == Part::State::kAhead) Erase(part);
  }
}

// The part's memory comes back when the last reply that uses it ends.
void ReadPath::Erase(Part& part) {
  const PartPtr owner = part.file->parts.extract(part.range.offset).mapped();
  if (part.state == Part::State::kReady) ready_.erase(part.ready);
  if (part.state == Part::State::kAhead) ahead_.erase(part.queued);
  if (part.state == Part::State::kDemanded) demanded_.erase(part.queued);
  part.state = Part::State::kErased;
}

ReadPath::PendingPtr ReadPath::AddPending(const std::shared_ptr<ReadFile>& file,
                                          ByteRange range, ReadDone done) {
  auto read = std::make_shared<PendingRead>();
  read->file = file;
  read->range = range;
  read->done = std::move(done);
  read->ticket = pool_.NextTicket();
  read->place = pending_.insert(pending_.end(), read);
  pool_.SetOldestWaiter(pending_.front()->ticket);
  return read;
}

void ReadPath::Finish(const PendingPtr& read, FsResult<ReadReply> result,
                      Finished& finished) {
  finished.emplace_back(std::move(read->done), std::move(result));
  read->done = nullptr;
  pending_.erase(read->place);
  pool_.SetOldestWaiter(pending_.empty() ? BufferShare::kNoTicket
                                         : pending_.front()->ticket);
}

std::size_t ReadPath::Arrived(Part& part, Finished& finished) {
  part.state = Part::State::kReady;
  part.ready = ready_.insert(ready_.end(), &part);
  std::size_t queued = 0;
  for (const PendingPtr& read : std::exchange(part.waiters, {})) {
    if (!read->done || --read->parts_missing > 0) continue;
    if (auto reply = TryReply(*read->file, read->range)) {
      Finish(read, std::move(*reply), finished);
    } else {
      queued += Await(read);  // Another of its parts was evicted meanwhile.
    }
  }
  // A random read: whoever asked has it, and nobody else is expected. Keeping
  // it would only touch memory that was never touched.
  if (!part.planned && part.read && part.file->fill == ReadFile::Fill::kNever) {
    Erase(part);
  }
  return queued;
}

// Fails every read that waits for the part; a later read fetches it anew.
void ReadPath::Failed(Part& part, const FsFailure& failure,
                      Finished& finished) {
  for (const PendingPtr& read : std::exchange(part.waiters, {})) {
    if (read->done) Finish(read, failure, finished);
  }
  Erase(part);
}

void ReadPath::Deliver(Finished finished) {
  for (auto& [done, result] : finished) done(std::move(result));
}

void ReadPath::Stop() {
  Finished finished;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    starts_.clear();
    while (!pending_.empty()) {
      Finish(pending_.front(), FsFailure{FsError::kIo, "the file system stops"},
             finished);
    }
  }
  Deliver(std::move(finished));
  Post(threads_.size());
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  {
    const std::lock_guard lock(mutex_);
    while (!fills_.empty()) {
      const auto file = fills_.front();
      EndFill(*file);
    }
  }
  std::unique_lock lock(wake_mutex_);
  writes_ended_.wait(lock, [&] { return writes_ == 0; });
}

}  // namespace datashim::fs
