// The half of ReadPath that copies objects to the local disk: when, what of
// them, and reading the copies.

#include <algorithm>
#include <utility>

#include "cache/cache.h"
#include "fs/read_parts.h"
#include "fs/read_path.h"

namespace datashim::fs {
namespace {

// Fetches for one copy that may fail in a row before it is given up.
constexpr std::uint32_t kFillFailuresMax = 3;

}  // namespace

// Reads an object that is on the disk, in the reader's thread.
std::optional<ReadReply> ReadPath::ReadCopy(cache::CachedObject& copy,
                                            store::ByteRange range) {
  auto buffer = pool_.TryAllocate(range.size, BufferUse::kRead);
  if (!buffer) return std::nullopt;
  const auto owner = std::make_shared<Buffer>(*std::move(buffer));
  const std::span<std::byte> bytes = owner->first(range.size);
  if (!copy.Read(range, bytes)) return std::nullopt;
  return ReadReply{{bytes}, owner};
}

// @return how many threads to wake.
std::size_t ReadPath::WantFill(const std::shared_ptr<ReadFile>& file,
                               const ReadPlan& plan) {
  if (file->fill != ReadFile::Fill::kPossible) return 0;
  const std::uint64_t bytes = file->version.size;
  if (plan.run_bytes < std::min(options_.fill_after_bytes, bytes) &&
      file->fetched_bytes < bytes / 4) {
    return 0;
  }
  file->fill = ReadFile::Fill::kWanted;
  starts_.push_back(file);
  return 1;
}

std::shared_ptr<ReadFile> ReadPath::TakeStart() {
  if (starts_.empty()) return nullptr;
  auto file = std::move(starts_.front());
  starts_.pop_front();
  return file;
}

void ReadPath::StartFill(const std::shared_ptr<ReadFile>& file) {
  ObjectVersion version;
  {
    const std::lock_guard lock(mutex_);
    version = file->version;
  }
  const auto copy = disk_.cache->FindOrStart(CopyId(disk_, version));
  {
    const std::lock_guard lock(mutex_);
    file->fill = ReadFile::Fill::kNever;
    if (!copy) return;
    file->copy = copy;
    if (copy->filling()) {
      file->fill = ReadFile::Fill::kRunning;
      fills_.push_back(file);
    }
  }
  copy->VerifyLater();
  Post(fill_fetches_max_);
}

// The next part that a copy lacks, with its buffer; the files in turn.
ReadPath::PartPtr ReadPath::TakeFill() {
  if (fill_fetches_ == fill_fetches_max_) return nullptr;
  for (auto at = fills_.begin(); at != fills_.end();) {
    const std::shared_ptr<ReadFile> file = *at++;
    bool is_over = false;
    PartPtr part = NextFill(*file, is_over);
    if (is_over) EndFill(*file);
    if (!part) continue;
    const auto has_room = [&] {
      return disk_.cache->HasWriteRoom(part->range.size);
    };
    if (!has_room()) {
      wants_memory_ = true;  // Before the last look; see GiveBuffer.
      if (!has_room()) return nullptr;
    }
    if (!GiveBuffer(*part, /*demand=*/false)) return nullptr;
    part->state = Part::State::kFetching;
    part->fetched_ahead = part->fills = true;
    ++ahead_fetches_;
    ++fill_fetches_;
    file->parts.emplace(part->range.offset, part);
    fills_.splice(fills_.end(), fills_, std::prev(at));
    return part;
  }
  return nullptr;
}

// What is in memory is written from there; what is on its way is waited for.
ReadPath::PartPtr ReadPath::NextFill(ReadFile& file, bool& is_over) {
  is_over = !file.copy->filling();
  bool waits = false;
  for (std::uint64_t at = 0; !is_over;) {
    const store::ByteRange gap = file.copy->NextGap(at);
    if (gap.size == 0) break;
    const auto next = file.parts.upper_bound(gap.offset);
    if (next != file.parts.begin()) {
      const PartPtr& part = std::prev(next)->second;
      if (part->range.end() > gap.offset) {
        if (part->state == Part::State::kReady && !WriteCopy(part)) {
          wants_memory_ = true;
        }
        at = part->range.end();
        waits = true;
        continue;
      }
    }
    const std::uint64_t limit =
        next == file.parts.end() ? gap.end() : std::min(gap.end(), next->first);
    const std::uint64_t part_bytes = options_.planner.part_bytes;
    auto part = std::make_shared<Part>();
    part->file = file.shared_from_this();
    part->range.offset = gap.offset;
    part->range.size =
        std::min(limit, (gap.offset / part_bytes + 1) * part_bytes) -
        gap.offset;
    return part;
  }
  is_over = is_over || !waits;
  return nullptr;
}

// @return whether the cache writes it.
bool ReadPath::WriteCopy(const PartPtr& part) {
  cache::CachedObject* const copy = part->file->copy.get();
  if (copy == nullptr || !copy->filling()) return false;
  {
    const std::lock_guard lock(wake_mutex_);
    ++writes_;
  }
  return copy->WriteLater(part->range.offset,
                          part->buffer.first(part->range.size),
                          std::make_shared<WriteHold>(*this, part));
}

void ReadPath::WriteEnded() {
  Wake();  // There may be memory, or room in the cache's queue.
  const std::lock_guard lock(wake_mutex_);
  if (--writes_ == 0) writes_ended_.notify_all();
}

void ReadPath::FillFailed(ReadFile& file, const FsFailure& failure) {
  if (file.fill != ReadFile::Fill::kRunning) return;
  if (++file.fill_failures < kFillFailuresMax &&
      failure.error != FsError::kStale) {
    return;
  }
  file.copy.reset();
  EndFill(file);
}

// REQUIRES: the caller shares the file, which may end with this.
void ReadPath::EndFill(ReadFile& file) {
  file.fill = ReadFile::Fill::kNever;
  while (file.closed && !file.parts.empty()) Erase(*file.parts.begin()->second);
  fills_.remove_if([&](const auto& each) { return each.get() == &file; });
}

}  // namespace datashim::fs
