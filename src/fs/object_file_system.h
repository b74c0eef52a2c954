// ObjectFileSystem: FileSystem over an ObjectStore. Ties Tree (what is known of
// names), ReadPath and FileWriter (bytes) together; private to fs/.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "fs/backing_files.h"
#include "fs/buffer_pool.h"
#include "fs/file_system.h"
#include "fs/file_writer.h"
#include "fs/io_mode.h"
#include "fs/multipart_upload.h"
#include "fs/names.h"
#include "fs/prepared_files.h"
#include "fs/read_path.h"
#include "fs/tree.h"

namespace datashim::fs {

/// One mutex guards what is known (tree, handles); it is never held over I/O.
/// A call first looks, then asks the store, then looks again and changes.
class ObjectFileSystem final : public FileSystem {
 public:
  ObjectFileSystem(std::shared_ptr<store::ObjectStore> store,
                   const FileSystemOptions& options, Clock& clock,
                   DiskCache disk, const std::optional<RootPage>& root);
  ~ObjectFileSystem() override;

  FsResult<Entry> LookUp(InodeId parent, std::string_view name) override;
  void Forget(InodeId inode, std::uint64_t lookups) override;
  FsResult<Entry> GetAttributes(InodeId inode) override;
  FsResult<Entry> SetAttributes(InodeId inode,
                                const AttributeChange& change) override;
  FsResult<HandleId> OpenDirectory(InodeId inode) override;
  FsStatus ReadDirectory(
      HandleId handle, std::uint64_t offset, bool count_lookups,
      const std::function<bool(const DirectoryEntry&)>& accept) override;
  void ReleaseDirectory(HandleId handle) override;
  FsResult<OpenResult> Open(InodeId inode, OpenFlags flags) override;
  FsResult<CreateResult> Create(InodeId parent, std::string_view name,
                                std::uint32_t mode, OpenFlags flags,
                                Caller caller) override;
  void Read(HandleId handle, store::ByteRange range, ReadDone done) override;
  FsResult<std::size_t> Write(HandleId handle, std::uint64_t offset,
                              std::span<const std::byte> data,
                              OwnerId owner) override;
  FsStatus Flush(HandleId handle, OwnerId owner) override;
  FsStatus Sync(HandleId handle) override;
  void Release(HandleId handle) override;
  FsResult<Entry> MakeDirectory(InodeId parent, std::string_view name,
                                std::uint32_t mode, Caller caller) override;
  FsStatus RemoveDirectory(InodeId parent, std::string_view name) override;
  FsStatus Unlink(InodeId parent, std::string_view name) override;
  FsStatus Rename(InodeId parent, std::string_view name, InodeId new_parent,
                  std::string_view new_name, bool no_replace) override;
  StatFs GetStatFs() override;
  void UseBackingFiles(std::shared_ptr<BackingFiles> files) override;

 private:
  /// What the handles of one inode share.
  struct OpenFile {
    std::shared_ptr<ReadFile> reader;    // Of the version in the inode.
    std::shared_ptr<FileWriter> writer;  // While some handle writes.
    std::shared_ptr<Backing> backing;    // While some handle passes through.
    IoModes modes;
    std::uint32_t handles = 0;
    std::uint32_t writing_handles = 0;
  };
  struct Handle {
    InodeId inode = 0;
    bool writes = false;  // Or made the file: its close makes the object.
    bool append = false;
    IoMode mode = IoMode::kCached;
  };
  struct DirectoryHandle {
    InodeId inode = 0;
    std::mutex reading;  // One ReadDirectory at a time.
    // Guarded by reading.
    std::shared_ptr<Listing> listing;
    std::optional<std::vector<std::string>> extra_names;
  };
  /// A name with what a change of it needs.
  struct Place {
    InodeId parent = 0;
    std::string name;
    std::string key;
  };
  /// What is at a place: a copy, so that no lock is needed.
  struct Found {
    InodeId inode = 0;
    FileType type = FileType::kFile;
    std::string etag;
    std::shared_ptr<FileWriter> writer;
  };
  using Lock = std::unique_lock<std::mutex>;
  using CopyPtr = std::shared_ptr<cache::CachedObject>;
  /// Where an object can be read but from the store.
  struct LocalCopy {
    CopyPtr copy;                      // On the disk.
    std::shared_ptr<Backing> backing;  // The same, by the kernel.
  };

  // object_file_system.cc. REQUIRES: mutex_ is held, unless said otherwise.
  FsResult<Inode*> FindInode(InodeId id);
  FsResult<Inode*> FindDirectory(InodeId id);
  Attributes AttributesOf(const Inode& inode);
  Entry EntryOf(const Inode& inode, MonotonicTime as_of);
  FsResult<Place> PlaceOf(InodeId parent, std::string_view name);
  /// PlaceOf for callers without mutex_: takes it.
  FsResult<Place> ResolvePlace(InodeId parent, std::string_view name);
  Deadline RequestDeadline() const;

  // lookup.cc. Without mutex_.
  FsResult<RemoteName> Probe(const std::string& key);
  /// A listing of the directory that is under way or worth it: a LIST answers
  /// for all names of a small directory, which is less than two requests for
  /// each. REQUIRES: mutex_ is held.
  std::shared_ptr<Listing> ListingFor(const Inode& directory,
                                      MonotonicTime now);
  /// Looks the name up and adds a lookup if it is there.
  FsResult<std::optional<Entry>> LookUpPlace(const Place& place);
  FsResult<std::optional<Found>> Find(const Place& place);

  void MarkStale(InodeId inode);

  // directories.cc. Without mutex_.
  using Accept = std::function<bool(const DirectoryEntry&)>;
  FsStatus StartReading(DirectoryHandle& handle);
  /// REQUIRES: mutex_ is held.
  void PrepareSiblings(const Inode& directory);
  void NoteWhole(InodeId directory, const Listing& listing);
  FsResult<bool> ReadDots(const DirectoryHandle& handle, std::uint64_t offset,
                          const Accept& accept);
  FsResult<bool> ReadListed(DirectoryHandle& handle, std::uint64_t offset,
                            bool count_lookups, const Accept& accept);
  FsStatus ReadExtra(DirectoryHandle& handle, std::uint64_t offset,
                     bool count_lookups, const Accept& accept);
  std::vector<std::string> ExtraNames(const DirectoryHandle& handle);
  std::optional<Entry> EntryOfListed(const DirectoryHandle& handle,
                                     const std::string& key, std::size_t index,
                                     ListedName listed, bool count_lookup);
  bool HasLocalNames(InodeId directory, const std::string& key);

  // files.cc.
  /// REQUIRES: mutex_ is held.
  FsResult<OpenResult> OpenLocked(Inode& inode, OpenFlags flags,
                                  const LocalCopy& local = {});
  /// REQUIRES: mutex_ is held. The file was opened: small ones that follow it
  /// are fetched, if the directory's files are opened one after the other.
  /// @return what has to be closed without the lock.
  std::vector<std::shared_ptr<ReadFile>> PrepareFollowing(const Inode& inode);
  FsStatus CheckOpen(Inode& inode, OpenFlags flags, const OpenFile* open);
  FsResult<CreateResult> OpenExisting(const Entry& entry, OpenFlags flags);
  FsResult<Handle> FindHandle(HandleId handle);
  /// Without mutex_: makes the object, if the file is dirty.
  FsStatus Complete(InodeId inode, FileWriter& writer, OwnerId owner);
  FsStatus Completed(InodeId inode,
                     const FsResult<std::optional<store::ObjectInfo>>& info);
  void ApplyVersion(InodeId inode, const store::ObjectInfo& info);
  /// REQUIRES: mutex_ is held. What it returns must end without it.
  std::shared_ptr<FileWriter> EndWriting(Inode& inode, OpenFile& file);
  std::shared_ptr<ReadFile> ReaderOf(Inode& inode, OpenFile& file,
                                     CopyPtr copy = nullptr);

  // local_copies.cc. Without mutex_, unless said otherwise.
  /// The copy of the inode's object on the local disk, registered with the
  /// kernel if it can be.
  FsResult<LocalCopy> FindLocal(InodeId inode);
  /// REQUIRES: mutex_ is held. What the kernel reads by itself already, if that
  /// is still the inode's object.
  std::optional<LocalCopy> OpenCopy(const Inode& inode);
  /// It may be the work of others, so the store is asked whether these keys may
  /// read the object.
  FsResult<CopyPtr> FindCopy(InodeId inode);
  FsResult<bool> MayRead(InodeId inode, const ObjectVersion& version);
  /// REQUIRES: mutex_ is held. The name becomes another inode of the same
  /// object; what is open goes on. @return false if there is no name.
  bool Renumber(Inode& inode);

  // changes.cc. Without mutex_.
  FsStatus Truncate(InodeId inode, std::uint64_t size,
                    std::optional<HandleId> handle);
  FsStatus RenameFile(const Place& from, const Place& to, const Found& source,
                      bool no_replace);
  void ApplyRename(const Place& from, const Place& to, InodeId inode,
                   const std::string& etag);

  const std::shared_ptr<store::ObjectStore> store_;
  const FileSystemOptions options_;
  Clock& clock_;
  const DiskCache disk_;
  const WallTime mounted_at_;
  HiddenKeys hidden_;
  BufferShare pool_;
  ThreadPool upload_threads_;
  ThreadPool probe_threads_;
  ThreadPool list_threads_;
  const ListingContext listing_context_;
  const UploadContext upload_context_;
  ReadPath read_path_;

  std::mutex mutex_;
  // Guarded by mutex_.
  Tree tree_;
  std::unordered_map<InodeId, OpenFile> files_;
  PreparedFiles prepared_;
  std::unordered_map<HandleId, Handle> handles_;
  std::unordered_map<HandleId, std::shared_ptr<DirectoryHandle>> directories_;
  HandleId last_handle_ = 0;
  std::shared_ptr<BackingFiles> backing_files_;
  bool said_why_no_backing_ = false;
};

}  // namespace datashim::fs
