#include "kube/object_cache.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"

namespace datashim::kube {

std::vector<std::string> OwnerUids(const Json& object) {
  std::vector<std::string> uids;
  for (OwnerReference& owner : OwnerReferencesOf(object)) {
    uids.push_back(std::move(owner.uid));
  }
  return uids;
}

ObjectChange ObjectCache::Set(ObjectPtr object) {
  const ObjectKey key = KeyOf(*object);
  ObjectPtr& slot = objects_[key];
  if (slot != nullptr &&
      ResourceVersionOf(*slot) == ResourceVersionOf(*object)) {
    return {slot, slot};
  }
  if (slot != nullptr) Unindex(key, *slot);
  Index(key, *object);
  return {std::exchange(slot, object), object};
}

ObjectChange ObjectCache::Erase(const ObjectKey& key) {
  const auto it = objects_.find(key);
  if (it == objects_.end()) return {};
  ObjectPtr before = std::move(it->second);
  objects_.erase(it);
  Unindex(key, *before);
  return {std::move(before), nullptr};
}

std::vector<ObjectChange> ObjectCache::Replace(
    const std::vector<ObjectPtr>& objects) {
  std::map<ObjectKey, std::string> uids;
  for (const ObjectPtr& object : objects) {
    uids.emplace(KeyOf(*object), UidOf(*object));
  }
  std::vector<ObjectKey> gone;
  for (const auto& [key, object] : objects_) {
    const auto it = uids.find(key);
    if (it == uids.end() || it->second != UidOf(*object)) gone.push_back(key);
  }
  std::vector<ObjectChange> changes;
  changes.reserve(gone.size());
  for (const ObjectKey& key : gone) changes.push_back(Erase(key));
  for (const ObjectPtr& object : objects) {
    ObjectChange change = Set(object);
    if (change.before != change.after) changes.push_back(std::move(change));
  }
  return changes;
}

ObjectPtr ObjectCache::Get(const ObjectKey& key) const {
  const auto it = objects_.find(key);
  return it == objects_.end() ? nullptr : it->second;
}

std::vector<ObjectPtr> ObjectCache::List(
    std::string_view namespace_name) const {
  std::vector<ObjectPtr> found;
  if (namespace_name.empty()) {
    for (const auto& [key, object] : objects_) found.push_back(object);
    return found;
  }
  for (auto it = objects_.lower_bound({std::string(namespace_name), ""});
       it != objects_.end() && it->first.namespace_name == namespace_name;
       ++it) {
    found.push_back(it->second);
  }
  return found;
}

std::vector<ObjectPtr> ObjectCache::ByIndex(std::string_view index,
                                            std::string_view value) const {
  DS_CHECK(index_functions_.contains(index));
  std::vector<ObjectPtr> found;
  const auto values = indexes_.find(index);
  if (values == indexes_.end()) return found;
  const auto keys = values->second.find(value);
  if (keys == values->second.end()) return found;
  for (const ObjectKey& key : keys->second) {
    found.push_back(objects_.at(key));
  }
  return found;
}

void ObjectCache::Index(const ObjectKey& key, const Json& object) {
  for (const auto& [name, function] : index_functions_) {
    for (const std::string& value : function(object)) {
      indexes_[name][value].insert(key);
    }
  }
}

void ObjectCache::Unindex(const ObjectKey& key, const Json& object) {
  for (const auto& [name, function] : index_functions_) {
    auto& values = indexes_[name];
    for (const std::string& value : function(object)) {
      const auto keys = values.find(value);
      if (keys == values.end()) continue;
      keys->second.erase(key);
      if (keys->second.empty()) values.erase(keys);
    }
  }
}

}  // namespace datashim::kube
