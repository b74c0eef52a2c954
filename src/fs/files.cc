// Open files: Open, Create, Read, Write, Flush, Sync, Release.

#include <utility>

#include "base/log.h"
#include "fs/error_map.h"
#include "fs/object_file_system.h"

namespace datashim::fs {
namespace {

// Of files that are fetched before they are opened.
constexpr std::uint64_t kSmallBytesMax = std::uint64_t{1} << 20;
constexpr std::size_t kFilesAheadMax = 64;

FsStatus Ok() { return std::monostate{}; }

}  // namespace

FsResult<ObjectFileSystem::Handle> ObjectFileSystem::FindHandle(
    HandleId handle) {
  const auto found = handles_.find(handle);
  if (found == handles_.end()) return FsError::kBadHandle;
  return found->second;
}

FsStatus ObjectFileSystem::CheckOpen(Inode& inode, OpenFlags flags,
                                     const OpenFile* open) {
  const auto key = tree_.inodes().Key(inode);
  // Deleted, or another version or inode by now: only what is open goes on.
  if (!key && (open == nullptr || flags.write || !open->reader)) {
    return FsError::kStale;
  }
  if (flags.write && flags.append && !flags.truncate &&
      inode.record.size > upload_context_.part_bytes) {
    return FsFailure{
        FsError::kNotSupported,
        "object \"" + *key + "\": it is too large to be appended to"};
  }
  return Ok();
}

FsResult<OpenResult> ObjectFileSystem::OpenLocked(Inode& inode, OpenFlags flags,
                                                  const LocalCopy& local) {
  const InodeId id = inode.record.id;
  const auto open = files_.find(id);
  const bool has_writer = open != files_.end() && open->second.writer;
  if (!has_writer) {
    auto ok =
        CheckOpen(inode, flags, open != files_.end() ? &open->second : nullptr);
    if (!ok.ok()) return ok.failure();
  }
  IoMode mode = flags.write || has_writer ? IoMode::kDirect
                : local.backing           ? IoMode::kPassthrough
                                          : IoMode::kCached;
  if (open != files_.end() &&
      open->second.modes.NeedsNewInode(mode,
                                       open->second.backing == local.backing)) {
    // The kernel then looks the name up anew, and opens the other inode.
    if (Renumber(inode) || open->second.modes.passes_through()) {
      return FsError::kStale;
    }
    mode = IoMode::kCached;  // Without a name, as those that are open.
  }
  OpenFile& file = files_[id];
  if (flags.write) {
    if (!has_writer) {
      file.writer = std::make_shared<FileWriter>(
          upload_context_,
          ObjectVersion{tree_.inodes().Key(inode).value_or(""),
                        std::string(inode.etag()), inode.record.size});
      inode.set(kInodeWriter);
      // A write makes the time that utimens set an old one.
      inode.set(kInodeHasModified, false);
    }
    ++file.writing_handles;
  }
  ++file.handles;
  ++inode.record.handles;
  file.modes.Opened(mode);
  handles_[++last_handle_] = {id, flags.write, flags.append, mode};
  OpenResult result;
  result.handle = last_handle_;
  result.direct_io = mode == IoMode::kDirect;
  result.no_flush = !flags.write;
  if (mode == IoMode::kPassthrough) {
    file.backing = local.backing;
    result.backing_id = file.backing->id();
  } else if (mode == IoMode::kCached) {
    result.keep_cache = !inode.has(kInodeRewritten);
    inode.set(kInodeRewritten, false);
  }
  if (local.copy) ReaderOf(inode, file, local.copy);
  return result;
}

std::vector<std::shared_ptr<ReadFile>> ObjectFileSystem::PrepareFollowing(
    const Inode& inode) {
  std::vector<std::shared_ptr<ReadFile>> dropped;
  const InodeId parent = inode.record.parent;
  const auto listing = tree_.FreshListing(parent, clock_.Now());
  if (!listing || inode.record.size > kSmallBytesMax) return dropped;
  InodeTable& inodes = tree_.inodes();
  const auto above = inodes.Key(*inodes.Find(parent));
  for (const std::size_t index :
       listing->NamesAhead(inode.name(), FileType::kFile, kFilesAheadMax)) {
    const ListedName listed = listing->At(index);
    if (listed.size == 0 || listed.size > kSmallBytesMax) continue;
    const Inode* known = inodes.FindChild(parent, listed.name);
    const InodeId id = known != nullptr
                           ? known->record.id
                           : listing->KeepInode(index, inodes.NewId());
    if (files_.contains(id) || prepared_.Has(id)) continue;
    const ObjectVersion version{
        Tree::PrefixOf(above.value_or("")) + listed.name, listed.etag,
        listed.size};
    auto file = read_path_.Open(version, nullptr);
    read_path_.FetchAhead(*file);
    for (auto& oldest : prepared_.Add(id, version, std::move(file))) {
      dropped.push_back(std::move(oldest));
    }
  }
  return dropped;
}

FsResult<OpenResult> ObjectFileSystem::Open(InodeId id, OpenFlags flags) {
  flags.write = flags.write || flags.truncate;
  FsResult<OpenResult> result = FsError::kIo;
  FsResult<LocalCopy> local = LocalCopy();
  if (!flags.write) local = FindLocal(id);
  if (!local.ok()) return local.failure();
  std::vector<std::shared_ptr<ReadFile>> dropped;
  {
    const Lock lock(mutex_);
    auto inode = FindInode(id);
    if (!inode.ok()) return inode.failure();
    if ((*inode)->is_directory()) return FsError::kIsDirectory;
    if (flags.write && options_.read_only) return FsError::kReadOnly;
    // The kernel then looks the name up anew, and opens the new version.
    if ((*inode)->has(kInodeStale)) return FsError::kStale;
    // Others may have opened it meanwhile, each with a backing of its own: the
    // kernel takes one, and looks up anew only once.
    if (!flags.write) *local = OpenCopy(**inode).value_or(*local);
    result = OpenLocked(**inode, flags, *local);
    // Files without a copy on the disk: its neighbours will have none, too.
    if (result.ok() && !flags.write && !local->copy) {
      dropped = PrepareFollowing(**inode);
    }
  }
  for (const auto& file : dropped) read_path_.Close(*file);
  if (result.ok() && flags.truncate) {
    auto truncated = Truncate(id, 0, result->handle);
    if (!truncated.ok()) {
      Release(result->handle);
      return truncated.failure();
    }
  }
  return result;
}

FsResult<CreateResult> ObjectFileSystem::OpenExisting(const Entry& entry,
                                                      OpenFlags flags) {
  FsResult<OpenResult> open = FsError::kExists;
  if (entry.attributes.type == FileType::kDirectory) {
    open = FsError::kIsDirectory;
  } else if (!flags.exclusive) {
    open = Open(entry.attributes.inode, flags);
  }
  if (!open.ok()) {
    Forget(entry.attributes.inode, 1);
    return open.failure();
  }
  CreateResult result{entry, *open};
  if (flags.truncate) result.entry.attributes.size = 0;
  return result;
}

FsResult<CreateResult> ObjectFileSystem::Create(InodeId parent,
                                                std::string_view name,
                                                std::uint32_t mode,
                                                OpenFlags flags,
                                                Caller caller) {
  if (options_.read_only) return FsError::kReadOnly;
  const FsResult<Place> place = ResolvePlace(parent, name);
  if (!place.ok()) return place.failure();
  auto there = LookUpPlace(*place);
  if (!there.ok()) return there.failure();
  if (*there) return OpenExisting(**there, flags);

  const Lock lock(mutex_);
  auto directory = FindDirectory(parent);
  if (!directory.ok()) return directory.failure();
  InodeTable& inodes = tree_.inodes();
  // Somebody else of this mount may have been faster.
  if (inodes.FindChild(parent, name) != nullptr) return FsError::kExists;
  Inode& inode = inodes.Insert(inodes.NewId(), parent, name, FileType::kFile);
  inode.record.mode = mode & 07777;
  inode.record.uid = caller.uid;
  inode.record.gid = caller.gid;
  inode.record.modified_ns = ToNanoseconds(clock_.WallNow());
  inode.record.lookups = 1;
  for (const InodeFlag flag :
       {kInodeLocal, kInodeWriter, kInodeHasMode, kInodeHasOwner}) {
    inode.set(flag);
  }
  files_[inode.record.id].writer = std::make_shared<FileWriter>(
      upload_context_, place->key, flags.exclusive);
  // Also when it is only read: its close makes the object.
  flags.write = true;
  flags.append = false;
  auto open = OpenLocked(inode, flags);
  return CreateResult{EntryOf(inode, clock_.Now()), *open};
}

std::shared_ptr<ReadFile> ObjectFileSystem::ReaderOf(Inode& inode,
                                                     OpenFile& file,
                                                     CopyPtr copy) {
  if (file.reader) return file.reader;
  const auto key = tree_.inodes().Key(inode);
  if (!key) return nullptr;
  const ObjectVersion version{*key, std::string(inode.etag()),
                              inode.record.size};
  if (copy && copy->id() != CopyId(disk_, version)) copy = nullptr;
  if (!copy) file.reader = prepared_.Take(inode.record.id, version);
  if (!file.reader) file.reader = read_path_.Open(version, std::move(copy));
  return file.reader;
}

void ObjectFileSystem::Read(HandleId id, store::ByteRange range,
                            ReadDone done) {
  std::shared_ptr<FileWriter> writer;
  std::shared_ptr<ReadFile> reader;
  InodeId inode_id = 0;
  {
    const Lock lock(mutex_);
    const auto handle = handles_.find(id);
    if (handle != handles_.end()) {
      inode_id = handle->second.inode;
      OpenFile& file = files_.at(inode_id);
      writer = file.writer;
      Inode* inode = tree_.inodes().Find(inode_id);
      reader = ReaderOf(*inode, file);
    }
  }
  if (inode_id == 0) return done(FsError::kBadHandle);
  if (writer) {
    if (auto reply = writer->Read(range)) return done(std::move(*reply));
  }
  if (!reader) return done(FsError::kStale);
  read_path_.Read(
      reader, range,
      [this, inode_id, done = std::move(done)](FsResult<ReadReply> reply) {
        if (!reply.ok() && reply.error() == FsError::kStale) {
          MarkStale(inode_id);
        }
        done(std::move(reply));
      });
}

FsResult<std::size_t> ObjectFileSystem::Write(HandleId id, std::uint64_t offset,
                                              std::span<const std::byte> data,
                                              OwnerId owner) {
  std::shared_ptr<FileWriter> writer;
  bool append = false;
  {
    const Lock lock(mutex_);
    auto handle = FindHandle(id);
    if (!handle.ok()) return handle.failure();
    if (!handle->writes) return FsError::kBadHandle;
    writer = files_.at(handle->inode).writer;
    append = handle->append;
  }
  auto written = writer->Write(offset, data, append, owner);
  if (!written.ok()) return written.failure();
  return data.size();
}

FsStatus ObjectFileSystem::Flush(HandleId id, OwnerId owner) {
  std::shared_ptr<FileWriter> writer;
  InodeId inode = 0;
  {
    const Lock lock(mutex_);
    auto handle = FindHandle(id);
    if (!handle.ok()) return handle.failure();
    if (!handle->writes) return Ok();
    inode = handle->inode;
    writer = files_.at(inode).writer;
  }
  return Complete(inode, *writer, owner);
}

FsStatus ObjectFileSystem::Sync(HandleId id) { return Flush(id, 0); }

FsStatus ObjectFileSystem::Complete(InodeId inode, FileWriter& writer,
                                    OwnerId owner) {
  return Completed(inode, writer.Complete(owner));
}

FsStatus ObjectFileSystem::Completed(
    InodeId inode, const FsResult<std::optional<store::ObjectInfo>>& info) {
  if (!info.ok()) {
    log::Warn("a file could not be stored",
              {{"error", FsErrorName(info.error())},
               {"why", info.failure().message}});
    return info.failure();
  }
  if (*info) ApplyVersion(inode, **info);
  return Ok();
}

void ObjectFileSystem::ApplyVersion(InodeId id, const store::ObjectInfo& info) {
  std::shared_ptr<ReadFile> old_reader;
  {
    const Lock lock(mutex_);
    Inode* inode = tree_.inodes().Find(id);
    if (inode == nullptr) return;
    const MonotonicTime now = clock_.Now();
    InodeRecord& record = inode->record;
    record.size = info.size;
    record.checked_ns = ToNanoseconds(now);
    if (!inode->has(kInodeHasModified)) {
      const bool unknown = info.modified == WallTime();
      record.modified_ns =
          ToNanoseconds(unknown ? clock_.WallNow() : info.modified);
    }
    inode->SetEtag(info.etag);
    inode->set(kInodeLocal, false);
    inode->set(kInodeRewritten);
    inode->set(kInodeReadable, false);
    if (auto key = tree_.inodes().Key(*inode)) tree_.NoteChanged(*key, now);
    const auto file = files_.find(id);
    if (file != files_.end()) old_reader = std::move(file->second.reader);
  }
  if (old_reader) read_path_.Close(*old_reader);
}

// What could not be stored is gone: a new file loses its name, an old one is
// what the store says again.
std::shared_ptr<FileWriter> ObjectFileSystem::EndWriting(Inode& inode,
                                                         OpenFile& file) {
  inode.set(kInodeWriter, false);
  if (file.writer->dirty()) {
    inode.record.checked_ns = 0;
    // What the name is now has to be asked: another client may have made it.
    if (auto key = tree_.inodes().Key(inode)) {
      tree_.NoteChanged(*key, clock_.Now());
    }
    if (inode.has(kInodeLocal) && inode.record.parent != 0) {
      tree_.DetachName(inode);
    }
  }
  return std::exchange(file.writer, nullptr);
}

void ObjectFileSystem::Release(HandleId id) {
  std::shared_ptr<FileWriter> writer;
  InodeId inode_id = 0;
  {
    const Lock lock(mutex_);
    const auto found = handles_.find(id);
    if (found == handles_.end()) return;
    inode_id = found->second.inode;
    if (found->second.writes) writer = files_.at(inode_id).writer;
  }
  if (writer) (void)Completed(inode_id, writer->CompleteRest());

  std::shared_ptr<ReadFile> reader;
  std::shared_ptr<Backing> backing;  // Ends without the lock.
  {
    const Lock lock(mutex_);
    const auto handle = handles_.extract(id);
    if (handle.empty()) return;
    const auto open = files_.find(inode_id);
    OpenFile& file = open->second;
    file.modes.Closed(handle.mapped().mode);
    if (!file.modes.passes_through()) backing = std::move(file.backing);
    Inode& inode = *tree_.inodes().Find(inode_id);
    if (writer && --file.writing_handles == 0) {
      writer = EndWriting(inode, file);
    }
    if (--file.handles == 0) {
      reader = std::move(file.reader);
      files_.erase(open);
    }
    tree_.inodes().DropHandle(inode_id);
  }
  if (reader) read_path_.Close(*reader);
}

}  // namespace datashim::fs
