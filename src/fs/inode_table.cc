#include "fs/inode_table.h"

#include <cstring>
#include <vector>

#include "base/check.h"

namespace datashim::fs {
namespace {

// Finalizer of MurmurHash3: flat tables need every bit mixed, and our ids are
// consecutive.
std::size_t Mix(std::uint64_t value) {
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  value *= 0xc4ceb9fe1a85ec53ULL;
  value ^= value >> 33;
  return value;
}

}  // namespace

std::size_t InodeTable::ById::operator()(InodeId id) const { return Mix(id); }

std::size_t InodeTable::ByName::operator()(const NameKey& key) const {
  return Mix(key.parent * 31 + std::hash<std::string_view>{}(key.name));
}

void Inode::SetText(std::string_view name, std::string_view etag) {
  auto text = std::make_unique<char[]>(name.size() + etag.size());
  std::memcpy(text.get(), name.data(), name.size());
  std::memcpy(text.get() + name.size(), etag.data(), etag.size());
  text_ = std::move(text);
  record.name_bytes = static_cast<std::uint16_t>(name.size());
  record.etag_bytes = static_cast<std::uint16_t>(etag.size());
}

InodeTable::InodeTable() {
  auto root = std::make_unique<Inode>();
  root->record.id = kRootInode;
  root->record.type = FileType::kDirectory;
  by_id_.insert(root.release());
}

InodeTable::~InodeTable() {
  by_name_.clear();
  for (const Inode* inode : by_id_) delete inode;
}

Inode* InodeTable::Find(InodeId id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : *found;
}

Inode* InodeTable::FindChild(InodeId parent, std::string_view name) {
  const auto found = by_name_.find(NameKey{parent, name});
  return found == by_name_.end() ? nullptr : *found;
}

void InodeTable::Attach(Inode& inode, InodeId parent, std::string_view name) {
  Inode* directory = Find(parent);
  DS_CHECK(directory != nullptr);
  inode.record.parent = parent;
  inode.SetText(name, std::string(inode.etag()));
  DS_CHECK(by_name_.insert(&inode).second);
  ++directory->record.children;
}

Inode& InodeTable::Insert(InodeId id, InodeId parent, std::string_view name,
                          FileType type) {
  DS_CHECK(FindChild(parent, name) == nullptr);
  auto owned = std::make_unique<Inode>();
  Inode& inode = *owned;
  inode.record.id = id;
  inode.record.type = type;
  DS_CHECK(by_id_.insert(&inode).second);
  owned.release();
  Attach(inode, parent, name);
  return inode;
}

void InodeTable::Detach(Inode& inode) {
  DS_CHECK(inode.record.parent != 0);
  by_name_.erase(&inode);
  Inode* parent = Find(inode.record.parent);
  DS_CHECK(parent != nullptr && parent->record.children > 0);
  --parent->record.children;
  inode.record.parent = 0;
  DropIfUnused(*parent);
}

void InodeTable::Move(Inode& inode, InodeId new_parent,
                      std::string_view new_name) {
  DS_CHECK(FindChild(new_parent, new_name) == nullptr);
  Inode* target = Find(new_parent);
  DS_CHECK(target != nullptr);
  ++target->record.children;  // Detach must not drop it.
  Detach(inode);
  Attach(inode, new_parent, new_name);
  --target->record.children;
}

void InodeTable::Forget(InodeId id, std::uint64_t lookups) {
  Inode* inode = Find(id);
  if (inode == nullptr) return;
  inode->record.lookups -= std::min(lookups, inode->record.lookups);
  DropIfUnused(*inode);
}

void InodeTable::DropHandle(InodeId id) {
  Inode* inode = Find(id);
  DS_CHECK(inode != nullptr && inode->record.handles > 0);
  --inode->record.handles;
  DropIfUnused(*inode);
}

void InodeTable::DropIfUnused(Inode& inode) {
  Inode* next = &inode;
  while (next != nullptr) {
    const InodeRecord& record = next->record;
    if (record.id == kRootInode || record.lookups > 0 || record.handles > 0 ||
        record.children > 0) {
      return;
    }
    Inode* parent = record.parent == 0 ? nullptr : Find(record.parent);
    if (parent != nullptr) {
      by_name_.erase(next);
      --parent->record.children;
    }
    by_id_.erase(next);
    delete next;
    next = parent;
  }
}

std::optional<std::string> InodeTable::Key(const Inode& inode) const {
  std::vector<std::string_view> parts;
  std::size_t bytes = 0;
  for (const Inode* at = &inode; at->record.id != kRootInode;) {
    if (at->record.parent == 0) return std::nullopt;
    parts.push_back(at->name());
    bytes += parts.back().size() + 1;
    at = *by_id_.find(at->record.parent);
  }
  std::string key;
  key.reserve(bytes);
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!key.empty()) key += '/';
    key += *part;
  }
  return key;
}

}  // namespace datashim::fs
