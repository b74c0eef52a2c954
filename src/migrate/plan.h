// Decides how a Dataset of upstream becomes one of ours: which of upstream's
// objects go, in which order, and what cannot be. Pure.

#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/object.h"

namespace datashim::migrate {

inline constexpr kube::ResourceType kDatasets{"datashim.io", "v1alpha1",
                                              "Dataset", "datasets"};
inline constexpr kube::ResourceType kInternals{
    "datashim.io", "v1alpha1", "DatasetInternal", "datasetsinternal"};
/// Upstream's group up to 0.3.
inline constexpr kube::ResourceType kOldDatasets{"com.ie.ibm.hpsys", "v1alpha1",
                                                 "Dataset", "datasets"};
inline constexpr kube::ResourceType kOldInternals{
    "com.ie.ibm.hpsys", "v1alpha1", "DatasetInternal", "datasetsinternal"};

/// What there is of one Dataset of upstream. All objects but the first may be
/// absent.
struct Found {
  kube::Json dataset;
  /// True: it is of the group that ours has too, and stays.
  bool is_of_our_group = false;
  std::optional<kube::Json> internal;
  std::optional<kube::Json> claim;
  std::optional<kube::Json> volume;  ///< That the claim is bound to.
  std::optional<kube::Json> config_map;
  std::optional<kube::Json> secret;       ///< Named like the Dataset.
  std::optional<kube::Json> new_dataset;  ///< Of our group, if it is there.
  std::vector<std::string> pods;          ///< That use the claim.
};

/// One change. Done in order, each leaves a state from which a new plan leads
/// to the same end.
struct Step {
  enum class Kind {
    kRetain,  ///< The volume's reclaim policy becomes Retain.
    kCreate,
    kRemove,  ///< Without waiting for upstream's finalizers.
  };
  Kind kind = Kind::kCreate;
  kube::ResourceType type;
  kube::Json object;  ///< As it is, or as it shall be made.
  std::string text;   ///< For people: "PersistentVolume x: …".
};

/// What is to be done, or why nothing can be.
struct Plan {
  std::optional<std::string> refusal;
  std::vector<Step> steps;
  std::vector<std::string> notes;  ///< What the owner should know.
};

Plan PlanMigration(const Found& found);

/// The Dataset in our group: name, namespace, labels, annotations of people,
/// and the spec. No status, no finalizers.
kube::Json ConvertDataset(const kube::Json& dataset);

/// Takes upstream's finalizers, and those of sidecars that are gone with it,
/// off the list. @return false if there were none.
bool DropFinalizers(kube::Json& object);

/// "namespace/name" of Deployments that run upstream's operator, which would
/// make again what is removed.
std::vector<std::string> RunningOperators(
    const std::vector<kube::Json>& deployments);

/// True if the pod has not ended and mounts the claim.
bool UsesClaim(const kube::Json& pod, std::string_view claim);

}  // namespace datashim::migrate
