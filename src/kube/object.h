// Kubernetes objects as plain JSON, and pure functions that read and change
// their metadata. Knows no particular kind; typed views belong to their users.

#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace datashim::kube {

/// An object as the API server sends it. Whoever touches one includes
/// <nlohmann/json.hpp> in its .cc file.
using Json = nlohmann::json;
/// An immutable snapshot, shared between informer and readers.
using ObjectPtr = std::shared_ptr<const Json>;

/// Namespace and name; the namespace of a cluster-wide object is empty.
struct ObjectKey {
  std::string namespace_name;
  std::string name;

  /// "namespace/name", or "name" when cluster-wide.
  std::string ToString() const;
  friend auto operator<=>(const ObjectKey&, const ObjectKey&) = default;
};

/// What the URL of a kind is made of. Literals with static storage.
struct ResourceType {
  std::string_view group;  ///< Empty for the core group.
  std::string_view version;
  std::string_view kind;
  std::string_view plural;
  bool namespaced = true;

  /// "v1" or "group/version".
  std::string ApiVersion() const;
  /// The URL path of the collection (empty key.name), the object, or its
  /// subresource. Each part is percent-encoded. An empty namespace in a
  /// namespaced type means all of them.
  std::string Path(const ObjectKey& key,
                   std::string_view subresource = {}) const;
};

inline constexpr ResourceType kNamespaces{"", "v1", "Namespace", "namespaces",
                                          false};
inline constexpr ResourceType kPods{"", "v1", "Pod", "pods"};
inline constexpr ResourceType kSecrets{"", "v1", "Secret", "secrets"};
inline constexpr ResourceType kConfigMaps{"", "v1", "ConfigMap", "configmaps"};
inline constexpr ResourceType kPersistentVolumes{"", "v1", "PersistentVolume",
                                                 "persistentvolumes", false};
inline constexpr ResourceType kPersistentVolumeClaims{
    "", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"};
inline constexpr ResourceType kEvents{"", "v1", "Event", "events"};
inline constexpr ResourceType kLeases{"coordination.k8s.io", "v1", "Lease",
                                      "leases"};
inline constexpr ResourceType kStorageClasses{
    "storage.k8s.io", "v1", "StorageClass", "storageclasses", false};

/// {apiVersion, kind, metadata: {name, namespace}}: the start of a new object.
Json MakeObject(const ResourceType& type, const ObjectKey& key);

/// The value at a path such as {"status", "phase"}; null if a step is absent
/// or no object. Valid as long as `object`.
const Json* Field(const Json& object,
                  std::initializer_list<std::string_view> path);
/// The string at a path; empty if it is absent or no string.
std::string StringAt(const Json& object,
                     std::initializer_list<std::string_view> path);

ObjectKey KeyOf(const Json& object);
std::string NameOf(const Json& object);
std::string NamespaceOf(const Json& object);
std::string UidOf(const Json& object);
std::string ResourceVersionOf(const Json& object);
/// 0 for kinds without a generation.
std::int64_t GenerationOf(const Json& object);
/// Empty if the object has no such label (annotation).
std::string LabelOf(const Json& object, std::string_view label);
std::string AnnotationOf(const Json& object, std::string_view annotation);
/// True once deletion was asked for: metadata.deletionTimestamp is set.
bool IsBeingDeleted(const Json& object);

bool HasFinalizer(const Json& object, std::string_view finalizer);
/// @return false if the object had it already (had it not).
bool AddFinalizer(Json& object, std::string_view finalizer);
bool RemoveFinalizer(Json& object, std::string_view finalizer);

/// One entry of metadata.ownerReferences.
struct OwnerReference {
  std::string api_version{};
  std::string kind{};
  std::string name{};
  std::string uid{};
  bool controller = false;
  bool block_owner_deletion = false;

  friend bool operator==(const OwnerReference&,
                         const OwnerReference&) = default;
};

std::vector<OwnerReference> OwnerReferencesOf(const Json& object);
/// The uid of the owner with controller: true; empty if there is none.
std::string ControllerUidOf(const Json& object);
bool IsOwnedBy(const Json& object, std::string_view owner_uid);
/// Makes `owner` (which has a uid) the controller of `object`, in place of an
/// older reference to the same uid. An owner in another namespace cannot be
/// expressed in Kubernetes: REQUIRES the same namespace or a cluster-wide
/// owner.
void SetControllerReference(Json& object, const Json& owner);

/// One entry of status.conditions (metav1.Condition).
struct Condition {
  std::string type{};
  bool status = false;
  std::string reason{};   ///< CamelCase, never empty.
  std::string message{};  ///< For people.
  std::int64_t observed_generation = 0;
};

/// Sets the condition of its type in object.status.conditions;
/// lastTransitionTime moves only when the status does.
/// @return false if nothing changed, so that no write is needed.
bool SetCondition(Json& object, const Condition& condition, WallTime now);

/// RFC 3339 as metav1.Time wants it: "2026-01-02T03:04:05Z".
std::string FormatTime(WallTime time);
/// With microseconds, as metav1.MicroTime wants it.
std::string FormatMicroTime(WallTime time);

}  // namespace datashim::kube
