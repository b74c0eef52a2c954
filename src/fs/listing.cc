#include "fs/listing.h"

#include <algorithm>
#include <utility>

#include "fs/error_map.h"

namespace datashim::fs {
namespace {

std::int64_t ToNanoseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             time.time_since_epoch())
      .count();
}

WallTime FromNanoseconds(std::int64_t ns) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::nanoseconds(ns)));
}

// Compares keys as the store sorts them: bytes, with '/' behind a directory.
int CompareKeys(std::string_view a, bool a_slash, std::string_view b,
                bool b_slash) {
  const std::size_t shared = std::min(a.size(), b.size());
  if (const int order = a.substr(0, shared).compare(b.substr(0, shared))) {
    return order;
  }
  const auto next = [shared](std::string_view text, bool slash) {
    if (text.size() > shared) {
      return int{static_cast<unsigned char>(text[shared])};
    }
    return slash ? int{'/'} : -1;
  };
  return next(a, a_slash) - next(b, b_slash);
}

}  // namespace

Listing::Listing(const ListingContext& context, std::string prefix)
    : prefix_(std::move(prefix)),
      hidden_(context.hidden),
      started_(context.clock.Now()),
      stream_(std::make_shared<PageStream>(context.store, context.threads,
                                           prefix_, context.request_timeout,
                                           context.clock)) {}

std::shared_ptr<Listing> Listing::Empty(const ListingContext& context,
                                        std::string prefix) {
  auto listing = std::make_shared<Listing>(context, std::move(prefix));
  listing->complete_ = true;
  return listing;
}

std::shared_ptr<Listing> Listing::Whole(const ListingContext& context,
                                        std::string prefix,
                                        const store::ListPage& page,
                                        MonotonicTime asked) {
  auto listing = Empty(context, std::move(prefix));
  listing->started_ = asked;
  listing->pages_.emplace_back(0, asked);
  listing->AddPage(page);
  return listing;
}

bool Listing::complete() const {
  const std::lock_guard lock(mutex_);
  return complete_;
}

std::size_t Listing::size() const {
  const std::lock_guard lock(mutex_);
  return slots_.size();
}

ListedName Listing::Copy(std::size_t index) const {
  const Slot& slot = slots_.at(index);
  const auto page = std::upper_bound(pages_.begin(), pages_.end(), index,
                                     [](std::size_t wanted, const auto& entry) {
                                       return wanted < entry.first;
                                     });
  ListedName listed;
  listed.as_of = std::prev(page)->second;
  listed.name = NameOf(slot);
  listed.type = slot.type;
  listed.size = slot.size;
  listed.modified = FromNanoseconds(slot.modified_ns);
  listed.etag =
      text_.substr(slot.text_offset + slot.name_bytes, slot.etag_bytes);
  listed.inode = slot.inode;
  return listed;
}

ListedName Listing::At(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return Copy(index);
}

InodeId Listing::KeepInode(std::size_t index, InodeId inode) {
  const std::lock_guard lock(mutex_);
  Slot& slot = slots_.at(index);
  if (slot.inode == 0) slot.inode = inode;
  return slot.inode;
}

std::vector<std::size_t> Listing::NamesAhead(std::string_view name,
                                             FileType type,
                                             std::size_t names_max) {
  const std::lock_guard lock(mutex_);
  const auto used = FindLocked(name);
  std::vector<std::size_t> names;
  if (!used) return names;
  OrderDetector& detector =
      type == FileType::kFile ? files_used_ : directories_used_;
  const OrderDetector::Ahead ahead = detector.OnUse(*used, names_max);
  for (std::size_t i = ahead.begin; i < std::min(ahead.end, slots_.size());
       ++i) {
    if (slots_[i].type == type) names.push_back(i);
  }
  return names;
}

FsResult<std::vector<ListedName>> Listing::Read(std::size_t index,
                                                std::size_t count) {
  std::unique_lock lock(mutex_);
  while (slots_.size() <= index && !complete_) {
    if (auto failure = TakePage(lock)) return *failure;
  }
  std::vector<ListedName> names;
  for (std::size_t i = index; i < slots_.size() && names.size() < count; ++i) {
    names.push_back(Copy(i));
  }
  return names;
}

FsStatus Listing::Complete() {
  std::unique_lock lock(mutex_);
  while (!complete_) {
    if (auto failure = TakePage(lock)) return *failure;
  }
  return std::monostate{};
}

// Waits without the lock, so that Find and readers of earlier pages go on; also
// for another who takes a page.
std::optional<FsFailure> Listing::TakePage(std::unique_lock<std::mutex>& lock) {
  if (taking_) {
    taken_.wait(lock);
    return std::nullopt;
  }
  taking_ = true;
  lock.unlock();
  auto page = stream_->Next();
  lock.lock();
  taking_ = false;
  taken_.notify_all();
  if (!page.ok()) return ToBucketFailure(page.error());
  if (!*page) {
    complete_ = true;
    return std::nullopt;
  }
  const store::ListPage& keys = (*page)->page;
  if (slots_.size() + keys.objects.size() + keys.prefixes.size() >
      kDirectoryNamesMax) {
    return FsFailure{FsError::kTooLarge,
                     "directory \"" + prefix_ + "\" has more than " +
                         std::to_string(kDirectoryNamesMax) + " names"};
  }
  pages_.emplace_back(slots_.size(), (*page)->asked);
  AddPage(keys);
  complete_ = (*page)->last;
  return std::nullopt;
}

// Merges the two sorted lists of a page into the order of the keys.
void Listing::AddPage(const store::ListPage& page) {
  auto object = page.objects.begin();
  auto prefix = page.prefixes.begin();
  while (object != page.objects.end() || prefix != page.prefixes.end()) {
    const bool object_first =
        prefix == page.prefixes.end() ||
        (object != page.objects.end() && object->key < *prefix);
    if (object_first) {
      AddFile(*object++);
    } else {
      AddDirectory(*prefix++);
    }
  }
}

void Listing::AddFile(const store::ObjectInfo& object) {
  if (object.key == prefix_ || !object.key.starts_with(prefix_)) return;
  const std::string_view name =
      std::string_view(object.key).substr(prefix_.size());
  if (const char* why = WhyHidden(name)) {
    hidden_.Add(object.key, why);
    return;
  }
  Slot slot{};
  slot.size = object.size;
  slot.modified_ns = ToNanoseconds(object.modified);
  slot.type = FileType::kFile;
  AddSlot(name, object.etag, slot);
}

void Listing::AddDirectory(std::string_view prefix) {
  if (!prefix.starts_with(prefix_) || !prefix.ends_with('/')) return;
  std::string_view name = prefix.substr(prefix_.size());
  name.remove_suffix(1);
  if (const char* why = WhyHidden(name)) {
    hidden_.Add(std::string(prefix), why);
    return;
  }
  // "a" was listed before, with names such as "a-b" in between: the directory
  // takes its place.
  if (const auto file = FindSorted(name, false)) {
    Slot& slot = slots_[*file];
    slot.type = FileType::kDirectory;
    slot.size = 0;
    slot.etag_bytes = 0;
    slot.inode = 0;
    return;
  }
  Slot slot{};
  slot.type = FileType::kDirectory;
  slot.sorts_as_directory = true;
  AddSlot(name, {}, slot);
}

void Listing::AddSlot(std::string_view name, std::string_view etag, Slot slot) {
  slot.text_offset = text_.size();
  slot.name_bytes = static_cast<std::uint16_t>(name.size());
  slot.etag_bytes = static_cast<std::uint16_t>(
      std::min<std::size_t>(etag.size(), UINT16_MAX));
  text_ += name;
  text_ += etag.substr(0, slot.etag_bytes);
  slots_.push_back(slot);
}

std::optional<std::size_t> Listing::FindSorted(std::string_view name,
                                               bool as_directory) const {
  const auto at = std::lower_bound(
      slots_.begin(), slots_.end(), name,
      [&](const Slot& slot, std::string_view wanted) {
        return CompareKeys(NameOf(slot), slot.sorts_as_directory, wanted,
                           as_directory) < 0;
      });
  if (at == slots_.end() || NameOf(*at) != name ||
      at->sorts_as_directory != as_directory) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(at - slots_.begin());
}

std::optional<std::size_t> Listing::Find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return FindLocked(name);
}

std::optional<std::size_t> Listing::FindLocked(std::string_view name) const {
  if (const auto file = FindSorted(name, false)) return file;
  return FindSorted(name, true);
}

}  // namespace datashim::fs
