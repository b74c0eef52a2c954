// Directories: OpenDirectory, ReadDirectory, MakeDirectory, RemoveDirectory.
//
// Offsets of directory entries: 1 is behind ".", 2 behind "..", then the names
// of the listing, and from kExtraOffset on the names that only this mount
// knows.

#include <algorithm>
#include <utility>

#include "fs/error_map.h"
#include "fs/object_file_system.h"

namespace datashim::fs {
namespace {

constexpr std::uint64_t kFirstOffset = 2;
constexpr std::uint64_t kExtraOffset = std::uint64_t{1} << 48;
// Names copied out of a listing at once.
constexpr std::size_t kBatch = 256;
constexpr std::size_t kDirectoriesAheadMax = 32;

FsStatus Ok() { return std::monostate{}; }

}  // namespace

FsResult<HandleId> ObjectFileSystem::OpenDirectory(InodeId id) {
  const Lock lock(mutex_);
  auto inode = FindDirectory(id);
  if (!inode.ok()) return inode.failure();
  ++(*inode)->record.handles;
  auto handle = std::make_shared<DirectoryHandle>();
  handle->inode = id;
  directories_.emplace(++last_handle_, std::move(handle));
  return last_handle_;
}

void ObjectFileSystem::ReleaseDirectory(HandleId handle) {
  const Lock lock(mutex_);
  const auto found = directories_.find(handle);
  if (found == directories_.end()) return;
  const InodeId inode = found->second->inode;
  directories_.erase(found);
  tree_.inodes().DropHandle(inode);
}

FsStatus ObjectFileSystem::ReadDirectory(
    HandleId id, std::uint64_t offset, bool count_lookups,
    const std::function<bool(const DirectoryEntry&)>& accept) {
  std::shared_ptr<DirectoryHandle> handle;
  {
    const Lock lock(mutex_);
    const auto found = directories_.find(id);
    if (found == directories_.end()) return FsError::kBadHandle;
    handle = found->second;
  }
  const std::lock_guard reading(handle->reading);
  if (offset == 0 || !handle->listing) {
    if (auto started = StartReading(*handle); !started.ok()) return started;
  }
  if (offset < kFirstOffset) {
    auto more = ReadDots(*handle, offset, accept);
    if (!more.ok()) return more.failure();
    if (!*more) return Ok();
    offset = kFirstOffset;
  }
  if (offset < kExtraOffset) {
    auto more = ReadListed(*handle, offset, count_lookups, accept);
    if (!more.ok()) return more.failure();
    if (!*more) return Ok();
    offset = kExtraOffset;
  }
  return ReadExtra(*handle, offset, count_lookups, accept);
}

// A fresh listing is shared, even one that is still being read; else the handle
// starts one that others may share.
FsStatus ObjectFileSystem::StartReading(DirectoryHandle& handle) {
  const Lock lock(mutex_);
  auto inode = FindInode(handle.inode);
  if (!inode.ok()) return inode.failure();
  const auto key = tree_.inodes().Key(**inode);
  const MonotonicTime now = clock_.Now();
  handle.extra_names.reset();
  PrepareSiblings(**inode);
  handle.listing = tree_.FreshListing(handle.inode, now);
  if (handle.listing) return Ok();
  // A directory that was removed while it was open is empty.
  const std::string prefix = Tree::PrefixOf(key.value_or(""));
  if (!key) {
    handle.listing = Listing::Empty(listing_context_, prefix);
    return Ok();
  }
  handle.listing = std::make_shared<Listing>(listing_context_, prefix);
  tree_.SetListing(handle.inode, handle.listing, now);
  return Ok();
}

// Who reads one directory after the other (find, os.walk) finds the next ones
// listed already.
void ObjectFileSystem::PrepareSiblings(const Inode& directory) {
  const MonotonicTime now = clock_.Now();
  InodeTable& inodes = tree_.inodes();
  const InodeId parent = directory.record.parent;
  const auto listing = tree_.FreshListing(parent, now);
  if (!listing) return;
  for (const std::size_t index : listing->NamesAhead(
           directory.name(), FileType::kDirectory, kDirectoriesAheadMax)) {
    const std::string name = listing->At(index).name;
    const Inode* known = inodes.FindChild(parent, name);
    const InodeId id = known != nullptr
                           ? known->record.id
                           : listing->KeepInode(index, inodes.NewId());
    if (tree_.FreshListing(id, now)) continue;
    const auto above = inodes.Key(*inodes.Find(parent));
    auto ahead = std::make_shared<Listing>(
        listing_context_, Tree::PrefixOf(above.value_or("")) + name + "/");
    ahead->FetchAhead();
    tree_.SetListing(id, std::move(ahead), now);
  }
}

FsResult<bool> ObjectFileSystem::ReadDots(const DirectoryHandle& handle,
                                          std::uint64_t offset,
                                          const Accept& accept) {
  DirectoryEntry self{".", {}, 1};
  DirectoryEntry parent{"..", {}, 2};
  {
    const Lock lock(mutex_);
    auto inode = FindInode(handle.inode);
    if (!inode.ok()) return inode.failure();
    self.entry = parent.entry = EntryOf(**inode, clock_.Now());
    const Inode* above = tree_.inodes().Find((*inode)->record.parent);
    if (above != nullptr) parent.entry = EntryOf(*above, clock_.Now());
  }
  return (offset > 0 || accept(self)) && accept(parent);
}

FsResult<bool> ObjectFileSystem::ReadListed(DirectoryHandle& handle,
                                            std::uint64_t offset,
                                            bool count_lookups,
                                            const Accept& accept) {
  std::optional<std::string> key;
  {
    const Lock lock(mutex_);
    key = tree_.inodes().Key(*tree_.inodes().Find(handle.inode));
  }
  if (!key) return true;  // Removed.
  while (true) {
    const std::size_t first = offset - kFirstOffset;
    auto names = handle.listing->Read(first, kBatch);
    if (!names.ok()) return names.failure();
    if (names->empty()) {
      NoteWhole(handle.inode, *handle.listing);
      return true;
    }
    for (ListedName& listed : *names) {
      const std::size_t index = offset++ - kFirstOffset;
      DirectoryEntry entry;
      entry.name = listed.name;
      auto known =
          EntryOfListed(handle, *key, index, std::move(listed), count_lookups);
      if (!known) continue;
      entry.entry = *known;
      entry.next_offset = offset;
      if (accept(entry)) continue;
      if (count_lookups) Forget(entry.entry.attributes.inode, 1);
      return false;
    }
  }
}

void ObjectFileSystem::NoteWhole(InodeId directory, const Listing& listing) {
  const Lock lock(mutex_);
  Inode* inode = tree_.inodes().Find(directory);
  if (inode != nullptr) inode->record.size = listing.size();
}

// nullopt: this mount removed the name after the listing was made.
std::optional<Entry> ObjectFileSystem::EntryOfListed(
    const DirectoryHandle& handle, const std::string& key, std::size_t index,
    ListedName listed, bool count_lookup) {
  const Lock lock(mutex_);
  InodeTable& inodes = tree_.inodes();
  Inode* directory = inodes.Find(handle.inode);
  const bool removed =
      directory->record.parent == 0 && directory->record.id != kRootInode;
  if (removed || (tree_.has_facts() &&
                  tree_.IsAbsentSince(Tree::PrefixOf(key) + listed.name,
                                      handle.listing->started()))) {
    return std::nullopt;
  }
  listed.inode = handle.listing->KeepInode(index, inodes.NewId());
  const MonotonicTime as_of = listed.as_of;
  if (count_lookup || inodes.FindChild(handle.inode, listed.name) != nullptr) {
    Inode* inode = tree_.Learn(*directory, listed);
    ++inode->record.lookups;
    const Entry entry = EntryOf(*inode, as_of);
    if (!count_lookup) inodes.Forget(entry.attributes.inode, 1);
    return entry;
  }
  // Not an inode yet, and a plain readdir must not make a million of them.
  Inode inode;
  inode.record.id = listed.inode;
  inode.record.type = listed.type;
  inode.record.size = listed.size;
  inode.record.modified_ns = ToNanoseconds(listed.modified);
  return EntryOf(inode, as_of);
}

// Names of the directory that the store's listing does not have: files that are
// being written, what this mount made since, and directories that it emptied.
std::vector<std::string> ObjectFileSystem::ExtraNames(
    const DirectoryHandle& handle) {
  std::vector<std::string> names;
  {
    const Lock lock(mutex_);
    InodeTable& inodes = tree_.inodes();
    const auto key = inodes.Key(*inodes.Find(handle.inode));
    if (!key) return names;
    names = tree_.NamesChanged(*key, handle.listing->started());
    for (std::string& name : tree_.KeptDirectories(*key)) {
      names.push_back(std::move(name));
    }
    for (const auto& [id, file] : files_) {
      const Inode* inode = inodes.Find(id);
      if (file.writer && inode->record.parent == handle.inode) {
        names.emplace_back(inode->name());
      }
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::erase_if(names, [&](const std::string& name) {
    return handle.listing->Find(name).has_value();
  });
  return names;
}

FsStatus ObjectFileSystem::ReadExtra(DirectoryHandle& handle,
                                     std::uint64_t offset, bool count_lookups,
                                     const Accept& accept) {
  if (!handle.extra_names) handle.extra_names = ExtraNames(handle);
  const auto& names = *handle.extra_names;
  for (std::uint64_t i = offset - kExtraOffset; i < names.size(); ++i) {
    const FsResult<Place> place = ResolvePlace(handle.inode, names[i]);
    if (!place.ok()) return Ok();  // The directory was removed meanwhile.
    auto found = LookUpPlace(*place);
    if (!found.ok()) return found.failure();
    if (!*found) continue;
    const InodeId inode = (*found)->attributes.inode;
    const bool accepted =
        accept(DirectoryEntry{names[i], **found, kExtraOffset + i + 1});
    if (!accepted || !count_lookups) Forget(inode, 1);
    if (!accepted) break;
  }
  return Ok();
}

FsResult<Entry> ObjectFileSystem::MakeDirectory(InodeId parent,
                                                std::string_view name,
                                                std::uint32_t mode,
                                                Caller caller) {
  if (options_.read_only) return FsError::kReadOnly;
  const FsResult<Place> place = ResolvePlace(parent, name);
  if (!place.ok()) return place.failure();
  auto there = Find(*place);
  if (!there.ok()) return there.failure();
  if (*there) return FsError::kExists;
  store::PutOptions put;
  put.content_type = "application/x-directory";
  const auto marker = store_->Put(place->key + "/", {}, put, RequestDeadline());
  if (!marker.ok()) return ToBucketFailure(marker.error());

  const Lock lock(mutex_);
  auto directory = FindDirectory(parent);
  if (!directory.ok()) return directory.failure();
  const MonotonicTime now = clock_.Now();
  tree_.NoteChanged(place->key, now);
  RemoteName remote;
  remote.kind = RemoteName::Kind::kDirectory;
  Inode& inode = *tree_.Learn(**directory, name, remote, now);
  inode.record.mode = mode & 07777;
  inode.record.uid = caller.uid;
  inode.record.gid = caller.gid;
  inode.record.modified_ns = ToNanoseconds(clock_.WallNow());
  inode.set(kInodeHasMode);
  inode.set(kInodeHasOwner);
  inode.set(kInodeHasModified);
  ++inode.record.lookups;
  // Known to be empty: what is made in it next needs no lookups in the store.
  tree_.SetListing(inode.record.id,
                   Listing::Empty(listing_context_, place->key + "/"), now);
  return EntryOf(inode, now);
}

bool ObjectFileSystem::HasLocalNames(InodeId directory,
                                     const std::string& key) {
  const Lock lock(mutex_);
  if (!tree_.KeptDirectories(key).empty()) return true;
  return std::any_of(files_.begin(), files_.end(), [&](const auto& entry) {
    const Inode* inode = tree_.inodes().Find(entry.first);
    return entry.second.writer && inode->record.parent == directory;
  });
}

FsStatus ObjectFileSystem::RemoveDirectory(InodeId parent,
                                           std::string_view name) {
  if (options_.read_only) return FsError::kReadOnly;
  const FsResult<Place> place = ResolvePlace(parent, name);
  if (!place.ok()) return place.failure();
  auto there = Find(*place);
  if (!there.ok()) return there.failure();
  if (!*there) return FsError::kNotFound;
  if ((*there)->type != FileType::kDirectory) return FsError::kNotDirectory;
  if (HasLocalNames((*there)->inode, place->key)) return FsError::kNotEmpty;

  const std::string marker = place->key + "/";
  store::ListRequest request;
  request.prefix = marker;
  request.keys_max = 2;  // The marker, and one key more.
  const auto page = store_->List(request, RequestDeadline());
  if (!page.ok()) return ToFsFailure(page.error());
  for (const store::ObjectInfo& object : page->objects) {
    if (object.key != marker) return FsError::kNotEmpty;
  }
  if (!page->objects.empty()) {
    const Status deleted = store_->Delete(marker, RequestDeadline());
    if (!deleted.ok()) return ToBucketFailure(deleted.error());
  }
  const Lock lock(mutex_);
  tree_.DropDirectory(place->key);
  tree_.NoteAbsent(place->key, clock_.Now());
  Inode* inode = tree_.inodes().FindChild(parent, name);
  if (inode != nullptr) tree_.DetachName(*inode);
  Inode* directory = tree_.inodes().Find(parent);
  if (directory != nullptr) {
    tree_.KeepDirectory(tree_.inodes().Key(*directory).value_or(""));
  }
  return Ok();
}

}  // namespace datashim::fs
