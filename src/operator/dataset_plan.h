// Decides what a Dataset needs next and what its status says, from what was
// seen. Pure: the controller looks, executes and writes (dataset_controller.h).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "dataset/validation.h"
#include "kube/object.h"
#include "operator/volume_report.h"

namespace datashim::controllers {

/// Whose an object with the name that we need is.
enum class Ownership {
  kAbsent,
  kOurs,     ///< The Dataset (its uid) is its controller.
  kForeign,  ///< Somebody else's: never adopted, changed or deleted.
};

/// A ConfigMap or Secret named like the Dataset.
struct ChildObservation {
  Ownership ownership = Ownership::kAbsent;
  bool current = false;  ///< Holds what the spec says.
  bool being_deleted = false;
};

/// PersistentVolumeClaim.status.phase.
enum class ClaimPhase { kPending, kBound, kLost };

/// The claim named like the Dataset.
struct ClaimObservation : ChildObservation {
  ClaimPhase phase = ClaimPhase::kPending;
  std::string volume_name;
};

/// Everything that a decision about one Dataset depends on.
struct DatasetObservation {
  std::string name;
  std::int64_t generation = 0;
  bool being_deleted = false;
  bool has_finalizer = false;
  /// What is wrong with the spec, naming the key.
  std::optional<std::string> spec_problem;
  bool config_map_wanted = true;  ///< The source is a bucket.
  bool env_secret_wanted = false;

  ChildObservation config_map;
  ChildObservation env_secret;  ///< Looked at only while wanted.
  ClaimObservation claim;
  bool volume_exists = false;  ///< Of its claim, or of one that is gone.
  /// "name" of each pod that uses the claim; looked at during deletion only.
  std::vector<std::string> pods;
  std::optional<VolumeReport> report;  ///< Of the claim.

  bool removes_data = false;            ///< remove-on-delete.
  std::optional<VolumeReport> removal;  ///< Of the data, during deletion.
};

/// One write to the API server.
enum class DatasetStep {
  kAddFinalizer,
  kWriteConfigMap,
  kCreateClaim,
  kUpdateClaim,
  kWriteEnvSecret,
  kDeleteClaim,
  kDeleteConfigMap,
  kDeleteEnvSecret,
  kRemoveFinalizer,
};

/// The next write, or nullopt when there is nothing to do but to wait. The
/// caller executes it, notes the effect in the observation, and asks again.
std::optional<DatasetStep> NextStep(const DatasetObservation& seen);

/// What Dataset.status shall say: upstream's strings and our conditions.
struct DatasetStatus {
  std::string provision;  ///< "Pending", "OK" or "Failed".
  std::string provision_info;
  std::vector<kube::Condition> conditions;  ///< The first is Ready.

  const kube::Condition& ready() const { return conditions.front(); }
};

DatasetStatus DescribeDataset(const DatasetObservation& seen);

/// Something a person should hear of.
struct DatasetEvent {
  bool warning = false;
  std::string reason;
  std::string message;

  friend bool operator==(const DatasetEvent&, const DatasetEvent&) = default;
};

/// What to tell when `dataset` (as last written) gets the status `next`.
/// Nothing for a status that only repeats itself.
/// @param notes what is odd in its spec; told once for each generation.
std::vector<DatasetEvent> EventsFor(const kube::Json& dataset,
                                    const DatasetStatus& next,
                                    const std::vector<DatasetEvent>& notes);

/// What is odd in a valid spec.
std::vector<DatasetEvent> NotesOn(const dataset::ResolvedSpec& spec);

/// Writes `status` into dataset.status.
/// @return false if it says that already, so that no write is needed.
bool SetStatus(kube::Json& dataset, const DatasetStatus& status, WallTime now);

/// When to look again although nothing changed; nullopt: changes suffice.
std::optional<Duration> LookAgainAfter(const DatasetObservation& seen);

/// "a, b and 3 more": at most kPodsNamedMax names.
std::string NamePods(const std::vector<std::string>& pods);

}  // namespace datashim::controllers
