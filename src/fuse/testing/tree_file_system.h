// TreeFileSystem: a FileSystem in memory that counts what the kernel holds and
// stops calls on demand. For tests of what lies between kernel and FileSystem;
// the real one is in fs/.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fs/file_system.h"

namespace datashim::fuse {

/// Thread-safe.
class TreeFileSystem final : public fs::FileSystem {
 public:
  TreeFileSystem();

  // What tests call.

  /// Makes or replaces a file in the root, behind the kernel's back.
  void PutFile(const std::string& name, std::string content);
  void RemoveFile(const std::string& name);
  std::optional<std::string> Content(const std::string& name) const;
  /// Entries and attributes are valid for this long.
  void set_valid_for(Duration valid_for);
  void set_open_result(bool keep_cache, bool direct_io);
  /// Read replies are cut into pieces of this size.
  void set_piece_bytes(std::size_t bytes);
  /// The next call of anything that can fail, fails.
  void FailNext(fs::FsError error);

  /// Reads, and lookups of names that begin with "slow", wait from now on.
  void Hold();
  void ResumeAll();
  /// Waits up to 10 s until so many calls wait. @return false if they do not.
  bool AwaitHeld(std::size_t count);
  /// Waits up to 10 s until the kernel has forgotten all inodes but the root,
  /// and released all handles. @return what it still holds, as text.
  std::string AwaitForgotten();

  // What the kernel asks.

  fs::FsResult<fs::Entry> LookUp(fs::InodeId parent,
                                 std::string_view name) override;
  void Forget(fs::InodeId inode, std::uint64_t lookups) override;
  fs::FsResult<fs::Entry> GetAttributes(fs::InodeId inode) override;
  fs::FsResult<fs::Entry> SetAttributes(
      fs::InodeId inode, const fs::AttributeChange& change) override;
  fs::FsResult<fs::HandleId> OpenDirectory(fs::InodeId inode) override;
  fs::FsStatus ReadDirectory(
      fs::HandleId handle, std::uint64_t offset, bool count_lookups,
      const std::function<bool(const fs::DirectoryEntry&)>& accept) override;
  void ReleaseDirectory(fs::HandleId handle) override;
  fs::FsResult<fs::OpenResult> Open(fs::InodeId inode,
                                    fs::OpenFlags flags) override;
  fs::FsResult<fs::CreateResult> Create(fs::InodeId parent,
                                        std::string_view name,
                                        std::uint32_t mode, fs::OpenFlags flags,
                                        fs::Caller caller) override;
  void Read(fs::HandleId handle, store::ByteRange range,
            fs::ReadDone done) override;
  fs::FsResult<std::size_t> Write(fs::HandleId handle, std::uint64_t offset,
                                  std::span<const std::byte> data,
                                  fs::OwnerId owner) override;
  fs::FsStatus Flush(fs::HandleId handle, fs::OwnerId owner) override;
  fs::FsStatus Sync(fs::HandleId handle) override;
  void Release(fs::HandleId handle) override;
  fs::FsResult<fs::Entry> MakeDirectory(fs::InodeId parent,
                                        std::string_view name,
                                        std::uint32_t mode,
                                        fs::Caller caller) override;
  fs::FsStatus RemoveDirectory(fs::InodeId parent,
                               std::string_view name) override;
  fs::FsStatus Unlink(fs::InodeId parent, std::string_view name) override;
  fs::FsStatus Rename(fs::InodeId parent, std::string_view name,
                      fs::InodeId new_parent, std::string_view new_name,
                      bool no_replace) override;
  fs::StatFs GetStatFs() override;

 private:
  using Name = std::pair<fs::InodeId, std::string>;
  struct Node {
    fs::Attributes attributes;
    std::string content;
    std::uint64_t lookups = 0;
  };
  struct Held {
    fs::InodeId inode = 0;
    store::ByteRange range;
    fs::ReadDone done;
  };

  std::optional<fs::FsError> TakeFault();
  Node* Find(fs::InodeId inode);
  Node* FindByHandle(fs::HandleId handle);
  fs::InodeId Insert(fs::InodeId parent, const std::string& name,
                     fs::FileType type, std::uint32_t mode, fs::Caller caller);
  fs::Entry EntryOf(fs::InodeId inode);
  fs::FsStatus Remove(fs::InodeId parent, std::string_view name,
                      fs::FileType type);
  fs::FsResult<fs::ReadReply> Cut(fs::InodeId inode, store::ByteRange range);
  std::string StillHeld() const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  std::map<fs::InodeId, Node> nodes_;
  std::map<Name, fs::InodeId> names_;
  std::map<fs::HandleId, fs::InodeId> handles_;
  std::vector<Held> held_reads_;
  std::size_t held_lookups_ = 0;
  bool holding_ = false;
  std::optional<fs::FsError> fault_;
  Duration valid_for_{};
  fs::OpenResult open_result_;
  std::size_t piece_bytes_ = SIZE_MAX;
  fs::InodeId last_inode_ = fs::kRootInode;
  fs::HandleId last_handle_ = 0;
};

}  // namespace datashim::fuse
