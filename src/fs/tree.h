// Tree: what this mount knows of names: inodes, listings, names it changed or
// found absent, each with the time at which the store said so. The newest
// knowledge wins, and none is used when it is older than the time to live.
//
// Does no I/O.

#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "fs/inode_table.h"
#include "fs/listing.h"
#include "store/object_store.h"

namespace datashim::fs {

/// What the store says of one name.
struct RemoteName {
  enum class Kind { kAbsent, kFile, kDirectory };
  Kind kind = Kind::kAbsent;
  std::uint64_t size = 0;
  std::string etag;
  WallTime modified;
};

/// Bounds of what is remembered besides inodes; beyond them it is forgotten.
struct TreeLimits {
  std::size_t facts_max = 65'536;           ///< Names changed or absent.
  std::size_t listed_names_max = 4u << 20;  ///< In all listings kept.
  std::size_t empty_directories_max = 65'536;
};

/// Thread-compatible: the file system's mutex guards it.
class Tree {
 public:
  explicit Tree(Duration time_to_live, const TreeLimits& limits = {})
      : time_to_live_(time_to_live), limits_(limits) {}

  InodeTable& inodes() { return inodes_; }

  /// What is known of a name.
  struct Knowledge {
    bool known = false;
    Inode* inode = nullptr;  ///< nullptr: it does not exist.
    MonotonicTime as_of;
  };
  Knowledge Look(Inode& directory, std::string_view name, MonotonicTime now);

  /// The store said `remote` of the name, `as_of`; newer knowledge and files
  /// with a writer stay as they are. A file of another version, or another
  /// type, becomes a new inode, with the number `inode` if that is not 0.
  /// @return nullptr if the name does not exist.
  Inode* Learn(Inode& directory, std::string_view name,
               const RemoteName& remote, MonotonicTime as_of,
               InodeId inode = 0);
  Inode* Learn(Inode& directory, const ListedName& listed);

  /// Takes the inode's name away; it may end here if the kernel forgot it.
  void DetachName(Inode& inode);

  /// This mount made or changed the name just now: older listings are wrong
  /// about it.
  void NoteChanged(const std::string& key, MonotonicTime now);
  /// This mount took the name away just now.
  void NoteAbsent(const std::string& key, MonotonicTime now);
  /// Whether NoteAbsent, or the store, said so after `since`.
  bool IsAbsentSince(const std::string& key, MonotonicTime since) const;
  bool has_facts() const { return !facts_.empty(); }
  /// Names below `directory_key` that NoteChanged after `since`.
  std::vector<std::string> NamesChanged(const std::string& directory_key,
                                        MonotonicTime since) const;

  /// Directories that this mount emptied: in the store they are gone, here
  /// they stay until removed.
  void KeepDirectory(const std::string& key);
  void DropDirectory(const std::string& key) { kept_directories_.erase(key); }
  /// Also true for those above a directory that is kept.
  bool IsKept(const std::string& key) const;
  std::vector<std::string> KeptDirectories(
      const std::string& directory_key) const;

  /// The listing of the directory if it is not too old; nullptr otherwise.
  std::shared_ptr<Listing> FreshListing(InodeId directory,
                                        MonotonicTime now) const;
  void SetListing(InodeId directory, std::shared_ptr<Listing> listing,
                  MonotonicTime now);

  /// A listing of the root from before the mount: its names are used while it
  /// is fresh, but it says nothing of names that it does not have. Whoever has
  /// just mounted a bucket may be putting something there.
  void SetFirstNames(std::shared_ptr<Listing> listing) {
    first_names_ = std::move(listing);
  }

  bool IsFresh(MonotonicTime as_of, MonotonicTime now) const {
    return now - as_of < time_to_live_;
  }

  /// "" is the root's; others end in '/'.
  static std::string PrefixOf(const std::string& directory_key) {
    return directory_key.empty() ? std::string() : directory_key + "/";
  }

 private:
  struct Fact {
    MonotonicTime as_of;
    bool absent = false;
  };

  void SetFact(const std::string& key, Fact fact, MonotonicTime now);

  const Duration time_to_live_;
  const TreeLimits limits_;
  InodeTable inodes_;
  std::map<std::string, Fact, std::less<>> facts_;  // By key.
  std::set<std::string, std::less<>> kept_directories_;
  boost::unordered_flat_map<InodeId, std::shared_ptr<Listing>> listings_;
  std::shared_ptr<Listing> first_names_;
  std::size_t sweep_at_ = 0;  // So many listings, and old ones are dropped.
};

/// InodeRecord's times.
std::int64_t ToNanoseconds(MonotonicTime time);
std::int64_t ToNanoseconds(WallTime time);
MonotonicTime MonotonicFromNanoseconds(std::int64_t ns);
WallTime WallFromNanoseconds(std::int64_t ns);

}  // namespace datashim::fs
