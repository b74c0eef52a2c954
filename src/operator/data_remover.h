// DataRemover: deletes the data of a Dataset that asked for it, when its volume
// goes. Decides whether that may be, and does it in steps.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/dataset.h"
#include "dataset/volume_config.h"
#include "kube/client.h"
#include "kube/events.h"
#include "kube/object.h"
#include "operator/cluster_view.h"
#include "operator/volume_report.h"

namespace datashim::controllers {

/// Longest work at one go, so that other volumes have their turn.
inline constexpr std::chrono::seconds kRemovalSlice{5};

/// For one worker.
class DataRemover {
 public:
  /// Everything given by reference outlives it. `removals` gets what stands in
  /// the way and how far it is, by the uid of the claim.
  /// `on_report` is told the Dataset of each change of them; must not block.
  DataRemover(kube::Client& client, ClusterView& view, VolumeReports& removals,
              kube::EventRecorder& events, std::string operator_namespace,
              std::function<void(const kube::ObjectKey& dataset)> on_report);

  /// Goes on with the data of a volume that is being deleted and unused, for at
  /// most kRemovalSlice. Nothing is deleted unless its Dataset is being deleted
  /// and says so then, the volume is not read-only, and nobody else's Dataset
  /// or claim has the same data; data that stays is told by an event.
  /// @return true when there is nothing to do (any more). Errors are those of
  ///     kube::Client and of the store, which are in the report as well.
  Result<bool> Remove(const kube::Json& volume, Deadline deadline);

 private:
  struct Removal;

  kube::ObjectPtr DatasetOf(const kube::Json& volume) const;
  Result<bool> Start(Removal& removal, Deadline deadline);
  Status FindOthers(Removal& removal, Deadline deadline) const;
  Result<bool> IsGone(const dataset::Dataset& other, Deadline deadline) const;
  Result<bool> Erase(Removal& removal, Deadline deadline);
  Status Finish(Removal& removal, Deadline deadline);
  void Report(const Removal& removal, VolumeReport report);
  void Keep(const Removal& removal, const std::string& why);

  kube::Client& client_;
  ClusterView& view_;
  VolumeReports& removals_;
  kube::EventRecorder& events_;
  const std::string operator_namespace_;
  const std::function<void(const kube::ObjectKey&)> on_report_;
  std::map<std::string, std::uint64_t> removed_;  // By the claim's uid.
};

}  // namespace datashim::controllers
