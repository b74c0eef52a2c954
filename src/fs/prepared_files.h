// PreparedFiles: small files that are fetched before somebody opens them,
// because their neighbours were. Fetches nothing itself.

#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "fs/file_system.h"
#include "fs/read_path.h"

namespace datashim::fs {

/// Thread-compatible. Bounded by number and bytes; the oldest go first.
class PreparedFiles {
 public:
  PreparedFiles(std::size_t files_max, std::uint64_t bytes_max)
      : files_max_(files_max), bytes_max_(bytes_max) {}

  bool Has(InodeId inode) const { return by_inode_.contains(inode); }
  /// REQUIRES: !Has(inode). @return those that have to go, to be closed.
  std::vector<std::shared_ptr<ReadFile>> Add(InodeId inode,
                                             ObjectVersion version,
                                             std::shared_ptr<ReadFile> file);
  /// The file, for whoever opens it; nullptr if it is not there. One of another
  /// version stays until it is the oldest.
  std::shared_ptr<ReadFile> Take(InodeId inode, const ObjectVersion& version);

  /// @return all, to be closed.
  std::vector<std::shared_ptr<ReadFile>> Clear() { return DropTo(0, 0); }

 private:
  struct Prepared {
    InodeId inode;
    ObjectVersion version;
    std::shared_ptr<ReadFile> file;
  };

  std::vector<std::shared_ptr<ReadFile>> DropTo(std::size_t files,
                                                std::uint64_t bytes);

  const std::size_t files_max_;
  const std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  std::list<Prepared> files_;  // The oldest first.
  std::unordered_map<InodeId, std::list<Prepared>::iterator> by_inode_;
};

}  // namespace datashim::fs
