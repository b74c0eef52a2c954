// Changes of names and attributes: SetAttributes, Unlink, Rename.

#include <utility>

#include "fs/error_map.h"
#include "fs/object_file_system.h"

namespace datashim::fs {
namespace {

FsStatus Ok() { return std::monostate{}; }

}  // namespace

FsResult<Entry> ObjectFileSystem::SetAttributes(InodeId id,
                                                const AttributeChange& change) {
  if (options_.read_only) return FsError::kReadOnly;
  if (change.size) {
    auto truncated = Truncate(id, *change.size, change.handle);
    if (!truncated.ok()) return truncated.failure();
  }
  const Lock lock(mutex_);
  auto found = FindInode(id);
  if (!found.ok()) return found.failure();
  Inode& inode = **found;
  const Attributes before = AttributesOf(inode);
  if (change.mode) {
    inode.record.mode = *change.mode & 07777;
    inode.set(kInodeHasMode);
  }
  if (change.uid || change.gid) {
    inode.record.uid = change.uid.value_or(before.uid);
    inode.record.gid = change.gid.value_or(before.gid);
    inode.set(kInodeHasOwner);
  }
  if (change.modified) {
    inode.record.modified_ns = ToNanoseconds(*change.modified);
    inode.set(kInodeHasModified);
  }
  return EntryOf(inode, clock_.Now());
}

// A truncate by name of a file that nobody writes is a write of its own.
FsStatus ObjectFileSystem::Truncate(InodeId id, std::uint64_t size,
                                    std::optional<HandleId> handle_id) {
  std::shared_ptr<FileWriter> writer;
  bool own = false;
  {
    const Lock lock(mutex_);
    auto found = FindInode(id);
    if (!found.ok()) return found.failure();
    Inode& inode = **found;
    if (inode.is_directory()) return FsError::kIsDirectory;
    if (handle_id) {
      auto handle = FindHandle(*handle_id);
      if (!handle.ok()) return handle.failure();
      if (!handle->writes) return FsError::kInvalid;
    }
    const auto file = files_.find(id);
    if (file != files_.end()) writer = file->second.writer;
    if (!writer) {
      const auto key = tree_.inodes().Key(inode);
      if (!key) return FsError::kStale;
      own = true;
      writer = std::make_shared<FileWriter>(
          upload_context_,
          ObjectVersion{*key, std::string(inode.etag()), inode.record.size});
    }
  }
  auto truncated = writer->Truncate(size);
  if (!truncated.ok() || !own) return truncated;
  return Complete(id, *writer, 0);
}

FsStatus ObjectFileSystem::Unlink(InodeId parent, std::string_view name) {
  if (options_.read_only) return FsError::kReadOnly;
  const FsResult<Place> place = ResolvePlace(parent, name);
  if (!place.ok()) return place.failure();
  auto there = Find(*place);
  if (!there.ok()) return there.failure();
  if (!*there) return FsError::kNotFound;
  if ((*there)->type == FileType::kDirectory) return FsError::kIsDirectory;
  // First, so that no close makes the object again.
  if ((*there)->writer) (*there)->writer->Discard();
  const Status deleted = store_->Delete(place->key, RequestDeadline());
  if (!deleted.ok()) return ToBucketFailure(deleted.error());

  const Lock lock(mutex_);
  Inode* inode = tree_.inodes().FindChild(parent, name);
  if (inode != nullptr) tree_.DetachName(*inode);
  tree_.NoteAbsent(place->key, clock_.Now());
  const Inode* directory = tree_.inodes().Find(parent);
  if (directory != nullptr) {
    tree_.KeepDirectory(tree_.inodes().Key(*directory).value_or(""));
  }
  return Ok();
}

FsStatus ObjectFileSystem::Rename(InodeId parent, std::string_view name,
                                  InodeId new_parent, std::string_view new_name,
                                  bool no_replace) {
  if (options_.read_only) return FsError::kReadOnly;
  FsResult<Place> from = FsError::kIo;
  FsResult<Place> to = FsError::kIo;
  {
    const Lock lock(mutex_);
    from = PlaceOf(parent, name);
    to = PlaceOf(new_parent, new_name);
  }
  if (!from.ok()) return from.failure();
  if (!to.ok()) return to.failure();
  auto source = Find(*from);
  if (!source.ok()) return source.failure();
  if (!*source) return FsError::kNotFound;
  if (from->key == to->key)
    return no_replace ? FsStatus(FsError::kExists) : Ok();
  if ((*source)->type == FileType::kDirectory) {
    return FsFailure{FsError::kCrossDevice,
                     "a directory is renamed by copying what is in it"};
  }
  auto target = Find(*to);
  if (!target.ok()) return target.failure();
  if (*target) {
    if (no_replace) return FsError::kExists;
    if ((*target)->type == FileType::kDirectory) return FsError::kIsDirectory;
    if ((*target)->writer) (*target)->writer->Discard();
  }
  return RenameFile(*from, *to, **source, no_replace);
}

FsStatus ObjectFileSystem::RenameFile(const Place& from, const Place& to,
                                      const Found& source, bool no_replace) {
  std::string etag = source.etag;
  bool changed = false;
  if (source.writer) {
    auto moved = source.writer->RelocateUnstored(to.key, no_replace);
    if (!moved.ok()) return moved.failure();
    if (*moved) {
      ApplyRename(from, to, source.inode, {});
      return Ok();
    }
    // What was written since the last close goes with it.
    auto completed = Complete(source.inode, *source.writer, 0);
    if (!completed.ok()) return completed;
    etag.clear();
  }
  auto copy = store_->Copy(from.key, etag, to.key, RequestDeadline());
  if (!copy.ok() && copy.error().code == ErrorCode::kFailedPrecondition) {
    // A name is renamed, whatever it is by now.
    changed = true;
    copy = store_->Copy(from.key, {}, to.key, RequestDeadline());
  }
  if (!copy.ok()) return ToFsFailure(copy.error());
  if (source.writer) source.writer->Relocate(to.key, copy->etag);
  ApplyRename(from, to, source.inode, copy->etag);
  if (changed) MarkStale(source.inode);
  const Status deleted = store_->Delete(from.key, RequestDeadline());
  if (!deleted.ok()) {
    // Both are there now, and a look at either will find it.
    const Lock lock(mutex_);
    tree_.NoteChanged(from.key, clock_.Now());
    return ToBucketFailure(deleted.error());
  }
  return Ok();
}

void ObjectFileSystem::ApplyRename(const Place& from, const Place& to,
                                   InodeId id, const std::string& etag) {
  const Lock lock(mutex_);
  const MonotonicTime now = clock_.Now();
  InodeTable& inodes = tree_.inodes();
  Inode* replaced = inodes.FindChild(to.parent, to.name);
  if (replaced != nullptr) tree_.DetachName(*replaced);
  Inode* inode = inodes.Find(id);
  if (inode != nullptr && inode->record.parent != 0 &&
      inodes.Find(to.parent) != nullptr) {
    inodes.Move(*inode, to.parent, to.name);
    if (!etag.empty()) {
      inode->SetEtag(etag);
      inode->record.checked_ns = ToNanoseconds(now);
      const auto file = files_.find(id);
      if (file != files_.end() && file->second.reader) {
        read_path_.Relocate(*file->second.reader, to.key, etag);
      }
    }
  }
  tree_.NoteAbsent(from.key, now);
  tree_.NoteChanged(to.key, now);
  const Inode* directory = inodes.Find(from.parent);
  if (directory != nullptr) {
    tree_.KeepDirectory(inodes.Key(*directory).value_or(""));
  }
}

}  // namespace datashim::fs
