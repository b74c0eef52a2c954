#include "fuse/testing/tree_file_system.h"

#include <algorithm>
#include <chrono>
#include <memory>

namespace datashim::fuse {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

using fs::FsError;

TreeFileSystem::TreeFileSystem() {
  fs::Attributes& root = nodes_[fs::kRootInode].attributes;
  root.inode = fs::kRootInode;
  root.type = fs::FileType::kDirectory;
  root.mode = 0755;
}

void TreeFileSystem::PutFile(const std::string& name, std::string content) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find({fs::kRootInode, name});
  const fs::InodeId inode =
      found != names_.end()
          ? found->second
          : Insert(fs::kRootInode, name, fs::FileType::kFile, 0644, {});
  Node& node = nodes_.at(inode);
  node.content = std::move(content);
  node.attributes.size = node.content.size();
}

void TreeFileSystem::RemoveFile(const std::string& name) {
  const std::lock_guard lock(mutex_);
  names_.erase({fs::kRootInode, name});
}

std::optional<std::string> TreeFileSystem::Content(
    const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find({fs::kRootInode, name});
  if (found == names_.end()) return std::nullopt;
  return nodes_.at(found->second).content;
}

void TreeFileSystem::set_valid_for(Duration valid_for) {
  const std::lock_guard lock(mutex_);
  valid_for_ = valid_for;
}

void TreeFileSystem::set_open_result(bool keep_cache, bool direct_io) {
  const std::lock_guard lock(mutex_);
  open_result_ = {.keep_cache = keep_cache, .direct_io = direct_io};
}

void TreeFileSystem::set_piece_bytes(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  piece_bytes_ = bytes;
}

void TreeFileSystem::FailNext(FsError error) {
  const std::lock_guard lock(mutex_);
  fault_ = error;
}

void TreeFileSystem::Hold() {
  const std::lock_guard lock(mutex_);
  holding_ = true;
}

void TreeFileSystem::ResumeAll() {
  std::vector<Held> reads;
  {
    const std::lock_guard lock(mutex_);
    holding_ = false;
    reads.swap(held_reads_);
  }
  changed_.notify_all();
  for (Held& read : reads) {
    std::unique_lock lock(mutex_);
    auto reply = Cut(read.inode, read.range);
    lock.unlock();
    read.done(std::move(reply));
  }
}

bool TreeFileSystem::AwaitHeld(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] {
    return held_reads_.size() + held_lookups_ >= count;
  });
}

std::string TreeFileSystem::AwaitForgotten() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return StillHeld().empty(); });
  return StillHeld();
}

std::string TreeFileSystem::StillHeld() const {
  std::string held;
  for (const auto& [inode, node] : nodes_) {
    if (inode == fs::kRootInode || node.lookups == 0) continue;
    held += "inode " + std::to_string(inode) + " has " +
            std::to_string(node.lookups) + " lookups; ";
  }
  if (!handles_.empty()) {
    held += std::to_string(handles_.size()) + " handles are open";
  }
  return held;
}

std::optional<FsError> TreeFileSystem::TakeFault() {
  return std::exchange(fault_, std::nullopt);
}

TreeFileSystem::Node* TreeFileSystem::Find(fs::InodeId inode) {
  const auto found = nodes_.find(inode);
  return found == nodes_.end() ? nullptr : &found->second;
}

TreeFileSystem::Node* TreeFileSystem::FindByHandle(fs::HandleId handle) {
  const auto found = handles_.find(handle);
  return found == handles_.end() ? nullptr : Find(found->second);
}

fs::InodeId TreeFileSystem::Insert(fs::InodeId parent, const std::string& name,
                                   fs::FileType type, std::uint32_t mode,
                                   fs::Caller caller) {
  const fs::InodeId inode = ++last_inode_;
  fs::Attributes& attributes = nodes_[inode].attributes;
  attributes.inode = inode;
  attributes.type = type;
  attributes.mode = mode;
  attributes.uid = caller.uid;
  attributes.gid = caller.gid;
  names_[{parent, name}] = inode;
  return inode;
}

fs::Entry TreeFileSystem::EntryOf(fs::InodeId inode) {
  return {nodes_.at(inode).attributes, valid_for_};
}

fs::FsResult<fs::Entry> TreeFileSystem::LookUp(fs::InodeId parent,
                                               std::string_view name) {
  std::unique_lock lock(mutex_);
  if (holding_ && name.starts_with("slow")) {
    ++held_lookups_;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [&] { return !holding_; });
    --held_lookups_;
  }
  if (const auto fault = TakeFault()) return *fault;
  const auto found = names_.find({parent, std::string(name)});
  if (found == names_.end()) return FsError::kNotFound;
  ++nodes_.at(found->second).lookups;
  return EntryOf(found->second);
}

void TreeFileSystem::Forget(fs::InodeId inode, std::uint64_t lookups) {
  const std::lock_guard lock(mutex_);
  Node* const node = Find(inode);
  DS_CHECK(node != nullptr && node->lookups >= lookups);
  node->lookups -= lookups;
  changed_.notify_all();
}

fs::FsResult<fs::Entry> TreeFileSystem::GetAttributes(fs::InodeId inode) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  if (Find(inode) == nullptr) return FsError::kStale;
  return EntryOf(inode);
}

fs::FsResult<fs::Entry> TreeFileSystem::SetAttributes(
    fs::InodeId inode, const fs::AttributeChange& change) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  Node* const node = Find(inode);
  if (node == nullptr) return FsError::kStale;
  if (change.size) {
    node->content.resize(*change.size);
    node->attributes.size = *change.size;
  }
  if (change.mode) node->attributes.mode = *change.mode;
  if (change.uid) node->attributes.uid = *change.uid;
  if (change.gid) node->attributes.gid = *change.gid;
  if (change.modified) node->attributes.modified = *change.modified;
  return EntryOf(inode);
}

fs::FsResult<fs::HandleId> TreeFileSystem::OpenDirectory(fs::InodeId inode) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  handles_[++last_handle_] = inode;
  return last_handle_;
}

fs::FsStatus TreeFileSystem::ReadDirectory(
    fs::HandleId handle, std::uint64_t offset, bool count_lookups,
    const std::function<bool(const fs::DirectoryEntry&)>& accept) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  const fs::InodeId directory = handles_.at(handle);
  std::vector<std::pair<std::string, fs::InodeId>> entries = {
      {".", directory}, {"..", fs::kRootInode}};
  for (const auto& [name, inode] : names_) {
    if (name.first == directory) entries.emplace_back(name.second, inode);
  }
  for (std::uint64_t i = offset; i < entries.size(); ++i) {
    const auto& [name, inode] = entries[i];
    if (!accept({name, EntryOf(inode), i + 1})) break;
    if (count_lookups && i >= 2) ++nodes_.at(inode).lookups;
  }
  return std::monostate{};
}

void TreeFileSystem::ReleaseDirectory(fs::HandleId handle) { Release(handle); }

fs::FsResult<fs::OpenResult> TreeFileSystem::Open(fs::InodeId inode,
                                                  fs::OpenFlags flags) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  Node* const node = Find(inode);
  if (node == nullptr) return FsError::kStale;
  if (flags.truncate) {
    node->content.clear();
    node->attributes.size = 0;
  }
  handles_[++last_handle_] = inode;
  fs::OpenResult result = open_result_;
  result.handle = last_handle_;
  return result;
}

fs::FsResult<fs::CreateResult> TreeFileSystem::Create(fs::InodeId parent,
                                                      std::string_view name,
                                                      std::uint32_t mode,
                                                      fs::OpenFlags,
                                                      fs::Caller caller) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  if (names_.contains({parent, std::string(name)})) return FsError::kExists;
  const fs::InodeId inode =
      Insert(parent, std::string(name), fs::FileType::kFile, mode, caller);
  ++nodes_.at(inode).lookups;
  handles_[++last_handle_] = inode;
  fs::CreateResult result{EntryOf(inode), open_result_};
  result.open.handle = last_handle_;
  return result;
}

fs::FsResult<fs::ReadReply> TreeFileSystem::Cut(fs::InodeId inode,
                                                store::ByteRange range) {
  if (const auto fault = TakeFault()) return *fault;
  const auto content =
      std::make_shared<const std::string>(nodes_.at(inode).content);
  auto rest = std::as_bytes(std::span(*content));
  rest = rest.subspan(std::min<std::size_t>(range.offset, rest.size()));
  rest = rest.first(std::min<std::size_t>(range.size, rest.size()));
  fs::ReadReply reply;
  reply.owner = content;
  while (!rest.empty()) {
    const std::size_t size = std::min(piece_bytes_, rest.size());
    reply.pieces.push_back(rest.first(size));
    rest = rest.subspan(size);
  }
  return reply;
}

void TreeFileSystem::Read(fs::HandleId handle, store::ByteRange range,
                          fs::ReadDone done) {
  std::unique_lock lock(mutex_);
  const fs::InodeId inode = handles_.at(handle);
  if (holding_) {
    held_reads_.push_back({inode, range, std::move(done)});
    changed_.notify_all();
    return;
  }
  auto reply = Cut(inode, range);
  lock.unlock();
  done(std::move(reply));
}

fs::FsResult<std::size_t> TreeFileSystem::Write(fs::HandleId handle,
                                                std::uint64_t offset,
                                                std::span<const std::byte> data,
                                                fs::OwnerId) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  Node* const node = FindByHandle(handle);
  if (node == nullptr) return FsError::kBadHandle;
  node->content.resize(
      std::max<std::size_t>(node->content.size(), offset + data.size()));
  std::copy_n(reinterpret_cast<const char*>(data.data()), data.size(),
              node->content.data() + offset);
  node->attributes.size = node->content.size();
  return data.size();
}

fs::FsStatus TreeFileSystem::Flush(fs::HandleId, fs::OwnerId) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  return std::monostate{};
}

fs::FsStatus TreeFileSystem::Sync(fs::HandleId handle) {
  return Flush(handle, 0);
}

void TreeFileSystem::Release(fs::HandleId handle) {
  const std::lock_guard lock(mutex_);
  DS_CHECK(handles_.erase(handle) == 1);
  changed_.notify_all();
}

fs::FsResult<fs::Entry> TreeFileSystem::MakeDirectory(fs::InodeId parent,
                                                      std::string_view name,
                                                      std::uint32_t mode,
                                                      fs::Caller caller) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  const fs::InodeId inode =
      Insert(parent, std::string(name), fs::FileType::kDirectory, mode, caller);
  ++nodes_.at(inode).lookups;
  return EntryOf(inode);
}

fs::FsStatus TreeFileSystem::Remove(fs::InodeId parent, std::string_view name,
                                    fs::FileType type) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  const auto found = names_.find({parent, std::string(name)});
  if (found == names_.end()) return FsError::kNotFound;
  if (nodes_.at(found->second).attributes.type != type) {
    return FsError::kIsDirectory;
  }
  names_.erase(found);
  return std::monostate{};
}

fs::FsStatus TreeFileSystem::RemoveDirectory(fs::InodeId parent,
                                             std::string_view name) {
  return Remove(parent, name, fs::FileType::kDirectory);
}

fs::FsStatus TreeFileSystem::Unlink(fs::InodeId parent, std::string_view name) {
  return Remove(parent, name, fs::FileType::kFile);
}

fs::FsStatus TreeFileSystem::Rename(fs::InodeId parent, std::string_view name,
                                    fs::InodeId new_parent,
                                    std::string_view new_name,
                                    bool no_replace) {
  const std::lock_guard lock(mutex_);
  if (const auto fault = TakeFault()) return *fault;
  const auto found = names_.find({parent, std::string(name)});
  if (found == names_.end()) return FsError::kNotFound;
  const Name to{new_parent, std::string(new_name)};
  if (no_replace && names_.contains(to)) return FsError::kExists;
  names_[to] = found->second;
  names_.erase(found);
  return std::monostate{};
}

fs::StatFs TreeFileSystem::GetStatFs() {
  return {std::uint64_t{1} << 40, std::uint64_t{1} << 39, 1000, 500};
}

}  // namespace datashim::fuse
