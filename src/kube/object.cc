#include "kube/object.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/strings.h"

namespace datashim::kube {
namespace {

/// The array at metadata.<name>; null if there is none.
Json* MetadataArray(Json& object, const char* name) {
  const auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return nullptr;
  const auto array = metadata->find(name);
  if (array == metadata->end() || !array->is_array()) return nullptr;
  return &*array;
}

Json& MakeMetadataArray(Json& object, const char* name) {
  Json* array = MetadataArray(object, name);
  if (array == nullptr) {
    array = &(object["metadata"][name] = Json::array());
  }
  return *array;
}

bool BoolAt(const Json& object, std::string_view name) {
  const Json* value = Field(object, {name});
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::string FormatSeconds(WallTime time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::floor<std::chrono::seconds>(time));
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc)};
}

}  // namespace

std::string ObjectKey::ToString() const {
  return namespace_name.empty() ? name : namespace_name + "/" + name;
}

std::string ResourceType::ApiVersion() const {
  if (group.empty()) return std::string(version);
  return std::string(group) + "/" + std::string(version);
}

std::string ResourceType::Path(const ObjectKey& key,
                               std::string_view subresource) const {
  std::string path = (group.empty() ? "/api/" : "/apis/") + ApiVersion();
  if (namespaced && !key.namespace_name.empty()) {
    path += "/namespaces/" + UriEncode(key.namespace_name, false);
  }
  path += "/" + std::string(plural);
  if (!key.name.empty()) path += "/" + UriEncode(key.name, false);
  if (!subresource.empty()) path += "/" + UriEncode(subresource, false);
  return path;
}

Json MakeObject(const ResourceType& type, const ObjectKey& key) {
  Json object = {{"apiVersion", type.ApiVersion()},
                 {"kind", type.kind},
                 {"metadata", {{"name", key.name}}}};
  if (type.namespaced) object["metadata"]["namespace"] = key.namespace_name;
  return object;
}

const Json* Field(const Json& object,
                  std::initializer_list<std::string_view> path) {
  const Json* at = &object;
  for (const std::string_view step : path) {
    if (!at->is_object()) return nullptr;
    const auto next = at->find(step);
    if (next == at->end()) return nullptr;
    at = &*next;
  }
  return at;
}

std::string StringAt(const Json& object,
                     std::initializer_list<std::string_view> path) {
  const Json* value = Field(object, path);
  if (value == nullptr || !value->is_string()) return {};
  return value->get_ref<const std::string&>();
}

ObjectKey KeyOf(const Json& object) {
  return {NamespaceOf(object), NameOf(object)};
}
std::string NameOf(const Json& object) {
  return StringAt(object, {"metadata", "name"});
}
std::string NamespaceOf(const Json& object) {
  return StringAt(object, {"metadata", "namespace"});
}
std::string UidOf(const Json& object) {
  return StringAt(object, {"metadata", "uid"});
}
std::string ResourceVersionOf(const Json& object) {
  return StringAt(object, {"metadata", "resourceVersion"});
}

std::int64_t GenerationOf(const Json& object) {
  const Json* value = Field(object, {"metadata", "generation"});
  if (value == nullptr || !value->is_number_integer()) return 0;
  return value->get<std::int64_t>();
}

std::string LabelOf(const Json& object, std::string_view label) {
  return StringAt(object, {"metadata", "labels", label});
}
std::string AnnotationOf(const Json& object, std::string_view annotation) {
  return StringAt(object, {"metadata", "annotations", annotation});
}
bool IsBeingDeleted(const Json& object) {
  return !StringAt(object, {"metadata", "deletionTimestamp"}).empty();
}

bool HasFinalizer(const Json& object, std::string_view finalizer) {
  const Json* finalizers = Field(object, {"metadata", "finalizers"});
  return finalizers != nullptr && finalizers->is_array() &&
         std::find(finalizers->begin(), finalizers->end(), finalizer) !=
             finalizers->end();
}

bool AddFinalizer(Json& object, std::string_view finalizer) {
  if (HasFinalizer(object, finalizer)) return false;
  MakeMetadataArray(object, "finalizers").push_back(finalizer);
  return true;
}

bool RemoveFinalizer(Json& object, std::string_view finalizer) {
  Json* finalizers = MetadataArray(object, "finalizers");
  if (finalizers == nullptr) return false;
  const auto end =
      std::remove(finalizers->begin(), finalizers->end(), finalizer);
  if (end == finalizers->end()) return false;
  finalizers->erase(end, finalizers->end());
  return true;
}

std::vector<OwnerReference> OwnerReferencesOf(const Json& object) {
  std::vector<OwnerReference> owners;
  const Json* references = Field(object, {"metadata", "ownerReferences"});
  if (references == nullptr || !references->is_array()) return owners;
  for (const Json& reference : *references) {
    owners.push_back(
        {.api_version = StringAt(reference, {"apiVersion"}),
         .kind = StringAt(reference, {"kind"}),
         .name = StringAt(reference, {"name"}),
         .uid = StringAt(reference, {"uid"}),
         .controller = BoolAt(reference, "controller"),
         .block_owner_deletion = BoolAt(reference, "blockOwnerDeletion")});
  }
  return owners;
}

std::string ControllerUidOf(const Json& object) {
  for (const OwnerReference& owner : OwnerReferencesOf(object)) {
    if (owner.controller) return owner.uid;
  }
  return {};
}

bool IsOwnedBy(const Json& object, std::string_view owner_uid) {
  const auto owners = OwnerReferencesOf(object);
  return std::any_of(owners.begin(), owners.end(),
                     [&](const auto& owner) { return owner.uid == owner_uid; });
}

void SetControllerReference(Json& object, const Json& owner) {
  const std::string owner_namespace = NamespaceOf(owner);
  DS_CHECK(owner_namespace.empty() || owner_namespace == NamespaceOf(object));
  const std::string uid = UidOf(owner);
  DS_CHECK(!uid.empty());
  Json& owners = MakeMetadataArray(object, "ownerReferences");
  owners.erase(std::remove_if(owners.begin(), owners.end(),
                              [&](const Json& reference) {
                                return StringAt(reference, {"uid"}) == uid;
                              }),
               owners.end());
  owners.push_back({{"apiVersion", StringAt(owner, {"apiVersion"})},
                    {"kind", StringAt(owner, {"kind"})},
                    {"name", NameOf(owner)},
                    {"uid", uid},
                    {"controller", true},
                    {"blockOwnerDeletion", true}});
}

bool SetCondition(Json& object, const Condition& condition, WallTime now) {
  Json& status = object["status"];
  if (!status.is_object()) status = Json::object();
  Json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  auto entry = std::find_if(
      conditions.begin(), conditions.end(), [&](const Json& candidate) {
        return StringAt(candidate, {"type"}) == condition.type;
      });
  if (entry == conditions.end()) {
    conditions.push_back({{"type", condition.type}});
    entry = conditions.end() - 1;
  }
  Json updated = *entry;
  const std::string word = condition.status ? "True" : "False";
  if (StringAt(updated, {"status"}) != word) {
    updated["status"] = word;
    updated["lastTransitionTime"] = FormatTime(now);
  }
  updated["reason"] = condition.reason;
  updated["message"] = condition.message;
  updated["observedGeneration"] = condition.observed_generation;
  if (updated == *entry) return false;
  *entry = std::move(updated);
  return true;
}

std::string FormatTime(WallTime time) { return FormatSeconds(time) + "Z"; }

std::string FormatMicroTime(WallTime time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const std::string micros = std::to_string(
      std::chrono::duration_cast<std::chrono::microseconds>(time - second)
          .count());
  return FormatSeconds(time) + "." + std::string(6 - micros.size(), '0') +
         micros + "Z";
}

}  // namespace datashim::kube
