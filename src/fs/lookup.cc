// Names and attributes: LookUp, Forget, GetAttributes.

#include <future>
#include <utility>

#include "fs/error_map.h"
#include "fs/object_file_system.h"

namespace datashim::fs {
namespace {

// Two pages.
constexpr std::uint64_t kNamesWorthListing = 2000;

}  // namespace

// A name is a directory when a key has it and a '/' behind it, and a file when
// it is a key. Both are asked at once: a LIST of the name alone would have to
// pass all keys such as "name-1", and one of the directory might be huge.
FsResult<RemoteName> ObjectFileSystem::Probe(const std::string& key) {
  using ListResult = Result<store::ListPage>;
  const auto list = [store = store_, prefix = key + "/",
                     deadline = RequestDeadline()]() -> ListResult {
    store::ListRequest request;
    request.prefix = prefix;
    request.keys_max = 1;
    return store->List(request, deadline);
  };
  auto promise = std::make_shared<std::promise<ListResult>>();
  std::future<ListResult> listed = promise->get_future();
  const bool queued =
      probe_threads_.TrySubmit([promise, list] { promise->set_value(list()); });
  const auto head = store_->Head(key, RequestDeadline());
  if (!queued) promise->set_value(list());
  const ListResult page = listed.get();

  if (!page.ok()) return ToBucketFailure(page.error());
  RemoteName remote;
  if (!page->objects.empty() || !page->prefixes.empty()) {
    remote.kind = RemoteName::Kind::kDirectory;
  } else if (head.ok()) {
    remote = {RemoteName::Kind::kFile, head->size, head->etag, head->modified};
  } else if (head.error().code != ErrorCode::kNotFound) {
    return ToFsFailure(head.error());
  }
  return remote;
}

FsResult<Entry> ObjectFileSystem::LookUp(InodeId parent,
                                         std::string_view name) {
  const FsResult<Place> place = ResolvePlace(parent, name);
  if (!place.ok()) return place.failure();
  auto entry = LookUpPlace(*place);
  if (!entry.ok()) return entry.failure();
  if (!*entry) return FsError::kNotFound;
  return **entry;
}

std::shared_ptr<Listing> ObjectFileSystem::ListingFor(const Inode& directory,
                                                      MonotonicTime now) {
  const std::uint64_t names = directory.record.size;
  if (names == 0 || names > kNamesWorthListing) return nullptr;
  const InodeId id = directory.record.id;
  if (auto listing = tree_.FreshListing(id, now)) return listing;
  const auto key = tree_.inodes().Key(directory);
  if (!key) return nullptr;
  auto listing =
      std::make_shared<Listing>(listing_context_, Tree::PrefixOf(*key));
  tree_.SetListing(id, listing, now);
  return listing;
}

FsResult<std::optional<Entry>> ObjectFileSystem::LookUpPlace(
    const Place& place) {
  const MonotonicTime asked = clock_.Now();
  const auto answer = [this](Inode* inode, MonotonicTime as_of) {
    if (inode == nullptr) return std::optional<Entry>();
    ++inode->record.lookups;
    return std::optional(EntryOf(*inode, as_of));
  };
  for (std::shared_ptr<Listing> listing;;) {
    {
      const Lock lock(mutex_);
      auto directory = FindDirectory(place.parent);
      if (!directory.ok()) return directory.failure();
      const auto known = tree_.Look(**directory, place.name, asked);
      if (known.known) return answer(known.inode, known.as_of);
      if (listing) break;  // It could not say.
      listing = ListingFor(**directory, asked);
    }
    // An error is met again, and told, by the probe.
    if (!listing || !listing->Complete().ok()) break;
    NoteWhole(place.parent, *listing);
  }
  auto remote = Probe(place.key);
  if (!remote.ok()) return remote.failure();
  const Lock lock(mutex_);
  auto directory = FindDirectory(place.parent);
  if (!directory.ok()) return directory.failure();
  return answer(tree_.Learn(**directory, place.name, *remote, asked), asked);
}

FsResult<std::optional<ObjectFileSystem::Found>> ObjectFileSystem::Find(
    const Place& place) {
  auto entry = LookUpPlace(place);
  if (!entry.ok()) return entry.failure();
  if (!*entry) return std::optional<Found>();
  const Lock lock(mutex_);
  const InodeId id = (*entry)->attributes.inode;
  Inode* inode = tree_.inodes().Find(id);  // LookUpPlace holds it.
  Found found;
  found.inode = id;
  found.type = inode->record.type;
  found.etag = inode->etag();
  const auto file = files_.find(id);
  if (file != files_.end()) found.writer = file->second.writer;
  tree_.inodes().Forget(id, 1);
  return std::optional(std::move(found));
}

void ObjectFileSystem::Forget(InodeId inode, std::uint64_t lookups) {
  const Lock lock(mutex_);
  tree_.inodes().Forget(inode, lookups);
}

void ObjectFileSystem::MarkStale(InodeId id) {
  const Lock lock(mutex_);
  Inode* inode = tree_.inodes().Find(id);
  if (inode == nullptr) return;
  inode->set(kInodeStale);
  // What a listing says of the name is old, too.
  if (const auto key = tree_.inodes().Key(*inode)) {
    tree_.NoteChanged(*key, clock_.Now());
  }
}

FsResult<Entry> ObjectFileSystem::GetAttributes(InodeId id) {
  const MonotonicTime asked = clock_.Now();
  std::string key;
  {
    const Lock lock(mutex_);
    auto found = FindInode(id);
    if (!found.ok()) return found.failure();
    const Inode& inode = **found;
    // What an open file is was decided when it was opened; whether a directory
    // is still there is asked by its name.
    if (inode.is_directory() || inode.record.handles > 0 ||
        inode.record.parent == 0) {
      return EntryOf(inode, asked);
    }
    const auto checked = MonotonicFromNanoseconds(inode.record.checked_ns);
    if (!inode.has(kInodeStale) && tree_.IsFresh(checked, asked)) {
      return EntryOf(inode, checked);
    }
    key = tree_.inodes().Key(inode).value_or("");
  }
  const auto head = store_->Head(key, RequestDeadline());
  if (!head.ok() && head.error().code != ErrorCode::kNotFound) {
    return ToFsFailure(head.error());
  }
  const Lock lock(mutex_);
  auto found = FindInode(id);
  if (!found.ok()) return found.failure();
  Inode& inode = **found;
  if (!head.ok() || head->etag != inode.etag()) {
    // Another version, which has another inode: the kernel looks it up.
    if (!inode.has(kInodeWriter)) inode.set(kInodeStale);
    return FsFailure{FsError::kStale, "object \"" + key + "\" has changed"};
  }
  inode.record.checked_ns = ToNanoseconds(asked);
  return EntryOf(inode, asked);
}

}  // namespace datashim::fs
