// Copies of objects on the local disk: when one may be used, and how the kernel
// comes to read it by itself.

#include <utility>

#include "base/log.h"
#include "cache/cache.h"
#include "fs/object_file_system.h"

namespace datashim::fs {

void ObjectFileSystem::UseBackingFiles(std::shared_ptr<BackingFiles> files) {
  const Lock lock(mutex_);
  backing_files_ = std::move(files);
}

FsResult<ObjectFileSystem::LocalCopy> ObjectFileSystem::FindLocal(InodeId id) {
  std::shared_ptr<BackingFiles> files;
  {
    const Lock lock(mutex_);
    files = backing_files_;
    const Inode* inode = tree_.inodes().Find(id);
    if (auto open = inode ? OpenCopy(*inode) : std::nullopt) return *open;
  }
  auto copy = FindCopy(id);
  if (!copy.ok()) return copy.failure();
  LocalCopy local{*copy, nullptr};
  if (!local.copy || !files || !local.copy->whole()) return local;
  const auto number =
      files->Register({local.copy->fd(), local.copy->FileName()});
  if (number.ok()) {
    local.backing = std::make_shared<Backing>(files, *number, local.copy);
    return local;
  }
  const Lock lock(mutex_);
  if (!std::exchange(said_why_no_backing_, true)) {
    log::Info("the kernel cannot read copies by itself; it asks for each page",
              {{"why", number.error().message}});
  }
  return local;
}

std::optional<ObjectFileSystem::LocalCopy> ObjectFileSystem::OpenCopy(
    const Inode& inode) {
  const auto open = files_.find(inode.record.id);
  if (open == files_.end() || !open->second.backing) return std::nullopt;
  const auto& backing = open->second.backing;
  if (backing->copy()->gone() || backing->copy()->id().etag != inode.etag()) {
    return std::nullopt;
  }
  return LocalCopy{backing->copy(), backing};
}

FsResult<ObjectFileSystem::CopyPtr> ObjectFileSystem::FindCopy(InodeId id) {
  if (!disk_.cache) return CopyPtr();
  ObjectVersion version;
  bool readable = false;
  {
    const Lock lock(mutex_);
    auto inode = FindInode(id);
    if (!inode.ok()) return inode.failure();
    const auto key = tree_.inodes().Key(**inode);
    if (!key || (*inode)->is_directory() || (*inode)->has(kInodeWriter)) {
      return CopyPtr();
    }
    version = {*key, std::string((*inode)->etag()), (*inode)->record.size};
    readable = (*inode)->has(kInodeReadable);
  }
  CopyPtr copy = disk_.cache->Find(CopyId(disk_, version));
  if (!copy) return copy;
  if (!readable) {
    auto may_read = MayRead(id, version);
    if (!may_read.ok()) return may_read.failure();
    if (!*may_read) return CopyPtr();
  }
  copy->VerifyLater();
  return copy;
}

// What the store's answer means is left to the GET, but for another version.
FsResult<bool> ObjectFileSystem::MayRead(InodeId id,
                                         const ObjectVersion& version) {
  const auto head = store_->Head(version.key, RequestDeadline());
  if (!head.ok()) return false;
  if (head->etag == version.etag) {
    const Lock lock(mutex_);
    Inode* inode = tree_.inodes().Find(id);
    const bool same = inode != nullptr && inode->etag() == version.etag;
    if (same) inode->set(kInodeReadable);
    return same;
  }
  MarkStale(id);
  return FsFailure{FsError::kStale,
                   "object \"" + version.key + "\" has changed"};
}

bool ObjectFileSystem::Renumber(Inode& old) {
  const InodeRecord record = old.record;
  if (record.parent == 0) return false;
  const auto file = files_.find(record.id);
  if (file != files_.end()) ReaderOf(old, file->second);
  const std::string name(old.name());
  const std::string etag(old.etag());
  InodeTable& inodes = tree_.inodes();
  Inode& directory = *inodes.Find(record.parent);
  ++directory.record.children;  // It must not end with its last child.
  tree_.DetachName(old);
  --directory.record.children;
  Inode& fresh =
      inodes.Insert(inodes.NewId(), record.parent, name, FileType::kFile);
  fresh.SetEtag(etag);
  fresh.record.size = record.size;
  fresh.record.modified_ns = record.modified_ns;
  fresh.record.checked_ns = record.checked_ns;
  fresh.record.mode = record.mode;
  fresh.record.uid = record.uid;
  fresh.record.gid = record.gid;
  fresh.record.flags = record.flags & (kInodeHasMode | kInodeHasOwner |
                                       kInodeHasModified | kInodeReadable);
  return true;
}

}  // namespace datashim::fs
