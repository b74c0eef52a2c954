// DatasetController: makes the ConfigMap, claim and Secret of a Dataset, shows
// how it stands in its status, and takes all down in order. What to do is
// decided in dataset_plan.h; volumes are the provisioner's.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/dataset.h"
#include "dataset/policy.h"
#include "dataset/validation.h"
#include "kube/client.h"
#include "kube/controller.h"
#include "kube/events.h"
#include "kube/object.h"
#include "operator/cluster_view.h"
#include "operator/dataset_plan.h"
#include "operator/volume_report.h"

namespace datashim::controllers {

/// Thread-safe. Level-triggered: Reconcile may be called at any time, any
/// number of times, and goes on where a process before it ended.
class DatasetController {
 public:
  /// Everything given by reference outlives the controller.
  DatasetController(kube::Client& client, ClusterView& view,
                    const VolumeReports& reports, const VolumeReports& removals,
                    kube::EventRecorder& events, dataset::Policy policy,
                    Clock& clock);

  /// Brings one Dataset nearer to its spec. Errors are those of kube::Client;
  /// they mean "try again".
  Result<kube::Outcome> Reconcile(const kube::ObjectKey& key,
                                  Deadline deadline);

 private:
  /// One run of Reconcile: what was seen and what is wanted.
  struct Pass;

  Status Observe(Pass& pass, Deadline deadline);
  Status ObserveEnvSecret(Pass& pass, Deadline deadline);
  Status ObservePods(Pass& pass, Deadline deadline);
  Status Execute(DatasetStep step, Pass& pass, Deadline deadline);
  Status WriteFinalizers(bool with_ours, Pass& pass, Deadline deadline);
  Status WriteChild(const kube::ResourceType& type, const kube::Json& desired,
                    kube::ObjectPtr& current, Deadline deadline);
  Status DeleteChild(const kube::ResourceType& type, kube::ObjectPtr& current,
                     Deadline deadline);
  Status WriteStatus(Pass& pass, Deadline deadline);

  kube::Client& client_;
  ClusterView& view_;
  const VolumeReports& reports_;
  const VolumeReports& removals_;
  kube::EventRecorder& events_;
  const dataset::Policy policy_;
  Clock& clock_;
};

}  // namespace datashim::controllers
