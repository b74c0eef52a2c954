#include "fs/prepared_files.h"

#include <utility>

#include "base/check.h"

namespace datashim::fs {

std::vector<std::shared_ptr<ReadFile>> PreparedFiles::Add(
    InodeId inode, ObjectVersion version, std::shared_ptr<ReadFile> file) {
  DS_CHECK(!Has(inode));
  bytes_ += version.size;
  files_.push_back({inode, std::move(version), std::move(file)});
  by_inode_[inode] = std::prev(files_.end());
  return DropTo(files_max_, bytes_max_);
}

std::vector<std::shared_ptr<ReadFile>> PreparedFiles::DropTo(
    std::size_t files, std::uint64_t bytes) {
  std::vector<std::shared_ptr<ReadFile>> dropped;
  while (files_.size() > files || bytes_ > bytes) {
    Prepared& oldest = files_.front();
    bytes_ -= oldest.version.size;
    by_inode_.erase(oldest.inode);
    dropped.push_back(std::move(oldest.file));
    files_.pop_front();
  }
  return dropped;
}

std::shared_ptr<ReadFile> PreparedFiles::Take(InodeId inode,
                                              const ObjectVersion& version) {
  const auto found = by_inode_.find(inode);
  if (found == by_inode_.end() || found->second->version != version) {
    return nullptr;
  }
  auto file = std::move(found->second->file);
  bytes_ -= version.size;
  files_.erase(found->second);
  by_inode_.erase(found);
  return file;
}

}  // namespace datashim::fs
