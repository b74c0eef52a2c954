#include "fs/tree.h"

#include <algorithm>
#include <utility>

namespace datashim::fs {
namespace {

bool SameVersion(const Inode& inode, const RemoteName& remote) {
  return inode.record.size == remote.size && inode.etag() == remote.etag;
}

}  // namespace

std::int64_t ToNanoseconds(MonotonicTime time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}
std::int64_t ToNanoseconds(WallTime time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}
MonotonicTime MonotonicFromNanoseconds(std::int64_t ns) {
  return MonotonicTime(std::chrono::duration_cast<MonotonicTime::duration>(
      std::chrono::nanoseconds(ns)));
}
WallTime WallFromNanoseconds(std::int64_t ns) {
  return WallTime(std::chrono::duration_cast<WallTime::duration>(
      std::chrono::nanoseconds(ns)));
}

Tree::Knowledge Tree::Look(Inode& directory, std::string_view name,
                           MonotonicTime now) {
  Inode* child = inodes_.FindChild(directory.record.id, name);
  if (child != nullptr && child->has(kInodeWriter)) return {true, child, now};

  const std::string key =
      PrefixOf(inodes_.Key(directory).value_or("")) + std::string(name);
  Knowledge best;
  if (child != nullptr && !child->has(kInodeStale)) {
    best = {true, child, MonotonicFromNanoseconds(child->record.checked_ns)};
  }
  const auto fact = facts_.find(key);
  if (fact != facts_.end() && fact->second.absent &&
      (!best.known || fact->second.as_of >= best.as_of)) {
    best = {true, nullptr, fact->second.as_of};
  }
  const auto listing = FreshListing(directory.record.id, now);
  if (listing && listing->complete() &&
      (!best.known || listing->started() > best.as_of) &&
      (fact == facts_.end() || listing->started() > fact->second.as_of)) {
    const auto index = listing->Find(name);
    if (index) {
      ListedName listed = listing->At(*index);
      listed.inode = listing->KeepInode(*index, inodes_.NewId());
      best = {true, Learn(directory, listed), listing->started()};
    } else {
      best = {true, Learn(directory, name, {}, listing->started()),
              listing->started()};
    }
  }
  if (first_names_ && !IsFresh(first_names_->started(), now)) {
    first_names_.reset();
  }
  if (!best.known && first_names_ && directory.record.id == kRootInode &&
      (fact == facts_.end() || first_names_->started() > fact->second.as_of)) {
    if (const auto index = first_names_->Find(name)) {
      best = {true, Learn(directory, first_names_->At(*index)),
              first_names_->started()};
    }
  }
  if (!best.known || !IsFresh(best.as_of, now)) return {};
  return best;
}

Inode* Tree::Learn(Inode& directory, std::string_view name,
                   const RemoteName& remote, MonotonicTime as_of,
                   InodeId inode) {
  using Kind = RemoteName::Kind;
  const InodeId parent = directory.record.id;
  const std::int64_t as_of_ns = ToNanoseconds(as_of);
  Inode* child = inodes_.FindChild(parent, name);
  if (child != nullptr && child->has(kInodeWriter)) return child;

  Kind kind = remote.kind;
  if (kind == Kind::kAbsent) {
    const std::string key =
        PrefixOf(inodes_.Key(directory).value_or("")) + std::string(name);
    if (IsKept(key)) kind = Kind::kDirectory;
    if (child == nullptr && kind == Kind::kAbsent) {
      SetFact(key, {as_of, true}, as_of);
      return nullptr;
    }
  }
  const FileType type =
      kind == Kind::kDirectory ? FileType::kDirectory : FileType::kFile;
  if (child != nullptr) {
    if (child->record.checked_ns > as_of_ns) return child;  // Knows better.
    const bool same =
        kind != Kind::kAbsent && child->record.type == type &&
        (type == FileType::kDirectory || SameVersion(*child, remote));
    if (same && !child->has(kInodeStale)) {
      child->record.checked_ns = as_of_ns;
      return child;
    }
    // The kernel may hold on to the old inode; the name is the new one's.
    ++directory.record.children;  // It must not end with its last child.
    DetachName(*child);
    --directory.record.children;
    if (kind == Kind::kAbsent) return nullptr;
  }
  // A number may still be that of an inode that lost its name.
  if (inode == 0 || inodes_.Find(inode) != nullptr) inode = inodes_.NewId();
  Inode& fresh = inodes_.Insert(inode, parent, name, type);
  fresh.record.checked_ns = as_of_ns;
  if (type == FileType::kFile) {
    fresh.record.size = remote.size;
    fresh.record.modified_ns = ToNanoseconds(remote.modified);
    fresh.SetEtag(remote.etag);
  }
  return &fresh;
}

Inode* Tree::Learn(Inode& directory, const ListedName& listed) {
  // A page that was asked for at the same tick is no newer: pages are asked for
  // ahead of who reads them.
  Inode* child = inodes_.FindChild(directory.record.id, listed.name);
  if (child != nullptr && !child->has(kInodeStale) &&
      child->record.checked_ns >= ToNanoseconds(listed.as_of)) {
    return child;
  }
  const auto kind = listed.type == FileType::kDirectory
                        ? RemoteName::Kind::kDirectory
                        : RemoteName::Kind::kFile;
  return Learn(directory, listed.name,
               {kind, listed.size, listed.etag, listed.modified}, listed.as_of,
               listed.inode);
}

void Tree::DetachName(Inode& inode) {
  ++inode.record.handles;  // Detach must not end it under our hands.
  inodes_.Detach(inode);
  inodes_.DropHandle(inode.record.id);
}

void Tree::SetFact(const std::string& key, Fact fact, MonotonicTime now) {
  facts_[key] = fact;
  if (facts_.size() <= limits_.facts_max) return;
  std::erase_if(facts_, [&](const auto& entry) {
    return !IsFresh(entry.second.as_of, now);
  });
  if (facts_.size() <= limits_.facts_max / 2) return;
  // Without facts, listings may be wrong about names changed here.
  facts_.clear();
  listings_.clear();
}

void Tree::NoteChanged(const std::string& key, MonotonicTime now) {
  SetFact(key, {now, false}, now);
}

void Tree::NoteAbsent(const std::string& key, MonotonicTime now) {
  SetFact(key, {now, true}, now);
}

bool Tree::IsAbsentSince(const std::string& key, MonotonicTime since) const {
  const auto fact = facts_.find(key);
  return fact != facts_.end() && fact->second.absent &&
         fact->second.as_of >= since;
}

std::vector<std::string> Tree::NamesChanged(const std::string& directory_key,
                                            MonotonicTime since) const {
  const std::string prefix = PrefixOf(directory_key);
  std::vector<std::string> names;
  for (auto fact = facts_.lower_bound(prefix);
       fact != facts_.end() && fact->first.starts_with(prefix); ++fact) {
    std::string name = fact->first.substr(prefix.size());
    if (!fact->second.absent && fact->second.as_of >= since &&
        name.find('/') == name.npos) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

bool Tree::IsKept(const std::string& key) const {
  if (kept_directories_.contains(key)) return true;
  const std::string prefix = key + "/";
  const auto below = kept_directories_.lower_bound(prefix);
  return below != kept_directories_.end() && below->starts_with(prefix);
}

void Tree::KeepDirectory(const std::string& key) {
  if (key.empty()) return;  // The root is always there.
  kept_directories_.insert(key);
  if (kept_directories_.size() > limits_.empty_directories_max) {
    kept_directories_.erase(kept_directories_.begin());
  }
}

std::vector<std::string> Tree::KeptDirectories(
    const std::string& directory_key) const {
  const std::string prefix = PrefixOf(directory_key);
  std::vector<std::string> names;
  for (auto kept = kept_directories_.lower_bound(prefix);
       kept != kept_directories_.end() && kept->starts_with(prefix); ++kept) {
    std::string name = kept->substr(
        prefix.size(), kept->find('/', prefix.size()) - prefix.size());
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  return names;
}

std::shared_ptr<Listing> Tree::FreshListing(InodeId directory,
                                            MonotonicTime now) const {
  const auto found = listings_.find(directory);
  if (found == listings_.end() || !IsFresh(found->second->started(), now)) {
    return nullptr;
  }
  return found->second;
}

void Tree::SetListing(InodeId directory, std::shared_ptr<Listing> listing,
                      MonotonicTime now) {
  // Where there are many it is not done for every one.
  if (listings_.size() >= sweep_at_) {
    erase_if(listings_, [&](const auto& entry) {
      return !IsFresh(entry.second->started(), now);
    });
    std::size_t names = 0;
    for (const auto& [inode, kept] : listings_) names += kept->size();
    if (names > limits_.listed_names_max) listings_.clear();
    sweep_at_ = listings_.size() < 32 ? 0 : 2 * listings_.size();
  }
  listings_[directory] = std::move(listing);
}

}  // namespace datashim::fs
