// InodeTable: what every inode that the kernel knows is, by number and by
// (parent, name). Does no I/O and knows nothing of time to live or of listings.

#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "fs/file_system.h"

namespace datashim::fs {

/// Facts about an inode that are yes or no.
enum InodeFlag : std::uint8_t {
  /// Made here and not in the store yet.
  kInodeLocal = 1 << 0,
  /// The object changed under it: open it anew.
  kInodeStale = 1 << 1,
  /// The kernel's pages are of older content.
  kInodeRewritten = 1 << 2,
  kInodeHasMode = 1 << 3,
  kInodeHasOwner = 1 << 4,
  kInodeHasModified = 1 << 5,
  /// Open for writing here: what the store says of the name is older.
  kInodeWriter = 1 << 6,
  /// The store has said that these keys may read this version.
  kInodeReadable = 1 << 7,
};

/// The fixed part of an inode: plain bytes, so that a log of them can be
/// replayed. Times are nanoseconds since the epoch of their clock.
struct InodeRecord {
  InodeId id = 0;
  InodeId parent = 0;  ///< 0: the root, or without a name (deleted, replaced).
  /// Of a directory: how many names its last whole listing had.
  std::uint64_t size = 0;
  std::int64_t modified_ns = 0;
  std::int64_t checked_ns = 0;  ///< Monotonic: when the store said so.
  std::uint64_t lookups = 0;    ///< What the kernel has to forget.
  std::uint32_t handles = 0;
  std::uint32_t children = 0;  ///< Inodes whose parent it is.
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint16_t name_bytes = 0;
  std::uint16_t etag_bytes = 0;
  FileType type = FileType::kFile;
  std::uint8_t flags = 0;  ///< InodeFlag.
};
static_assert(sizeof(InodeRecord) <= 80);
static_assert(std::is_trivially_copyable_v<InodeRecord>);

/// One inode: the record and its two texts.
class Inode {
 public:
  InodeRecord record;

  std::string_view name() const { return {text_.get(), record.name_bytes}; }
  std::string_view etag() const {
    return {text_.get() + record.name_bytes, record.etag_bytes};
  }
  void SetEtag(std::string_view etag) { SetText(std::string(name()), etag); }

  bool is_directory() const { return record.type == FileType::kDirectory; }
  bool has(InodeFlag flag) const { return (record.flags & flag) != 0; }
  void set(InodeFlag flag, bool on = true) {
    const auto bits = static_cast<std::uint8_t>(flag);
    record.flags = static_cast<std::uint8_t>(on ? record.flags | bits
                                                : record.flags & ~bits);
  }

 private:
  friend class InodeTable;
  void SetText(std::string_view name, std::string_view etag);

  std::unique_ptr<char[]> text_;
};

/// Thread-compatible: the file system's mutex guards it. An inode lives while
/// it has lookups, handles or children; the root always.
class InodeTable {
 public:
  InodeTable();
  InodeTable(const InodeTable&) = delete;
  InodeTable& operator=(const InodeTable&) = delete;
  ~InodeTable();

  /// A number that was never handed out before.
  InodeId NewId() { return ++last_id_; }

  /// nullptr if there is none. The pointer is valid until the inode is dropped.
  Inode* Find(InodeId id);
  Inode* FindChild(InodeId parent, std::string_view name);

  /// Adds an inode without lookups; the caller adds one, or calls DropIfUnused.
  /// REQUIRES: parent is there, has no child `name`; `id` is new.
  Inode& Insert(InodeId id, InodeId parent, std::string_view name,
                FileType type);
  /// Takes the name away; lookups and handles keep the rest alive.
  void Detach(Inode& inode);
  /// REQUIRES: new_parent has no child `new_name`.
  void Move(Inode& inode, InodeId new_parent, std::string_view new_name);

  void Forget(InodeId id, std::uint64_t lookups);
  void DropHandle(InodeId id);
  /// Drops it, and then parents that were kept only by their children.
  void DropIfUnused(Inode& inode);

  /// The object key: "a/b" for file b in directory a, "" for the root.
  /// nullopt when the inode, or a directory above it, has no name any more.
  std::optional<std::string> Key(const Inode& inode) const;

  std::size_t size() const { return by_id_.size(); }

 private:
  struct NameKey {
    InodeId parent;
    std::string_view name;
  };
  struct ById {
    using is_transparent = void;
    std::size_t operator()(const Inode* inode) const {
      return (*this)(inode->record.id);
    }
    std::size_t operator()(InodeId id) const;
    bool operator()(const Inode* a, const Inode* b) const { return a == b; }
    bool operator()(InodeId id, const Inode* b) const {
      return id == b->record.id;
    }
    bool operator()(const Inode* a, InodeId id) const {
      return id == a->record.id;
    }
  };
  struct ByName {
    using is_transparent = void;
    std::size_t operator()(const Inode* inode) const {
      return (*this)(NameKey{inode->record.parent, inode->name()});
    }
    std::size_t operator()(const NameKey& key) const;
    bool operator()(const Inode* a, const Inode* b) const { return a == b; }
    bool operator()(const NameKey& key, const Inode* b) const {
      return key.parent == b->record.parent && key.name == b->name();
    }
    bool operator()(const Inode* a, const NameKey& key) const {
      return (*this)(key, a);
    }
  };

  void Attach(Inode& inode, InodeId parent, std::string_view name);

  InodeId last_id_ = kRootInode;
  boost::unordered_flat_set<Inode*, ById, ById> by_id_;  // Owns them.
  boost::unordered_flat_set<Inode*, ByName, ByName> by_name_;
};

}  // namespace datashim::fs
