// VolumeReclaimer: deletes volumes whose claim is gone, and their Secrets. The
// data is left to DataRemover, which has its turn before the Secret goes.

#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client.h"
#include "kube/controller.h"
#include "kube/object.h"
#include "operator/cluster_view.h"
#include "operator/data_remover.h"

namespace datashim::controllers {

/// Thread-safe. Level-triggered.
class VolumeReclaimer {
 public:
  /// Everything given outlives the reclaimer.
  VolumeReclaimer(kube::Client& client, ClusterView& view, DataRemover& remover,
                  std::string operator_namespace);

  /// Does what PlanVolume says about one volume. Errors are those of
  /// kube::Client.
  Result<kube::Outcome> Reconcile(const kube::ObjectKey& key,
                                  Deadline deadline);

  /// Deletes volume Secrets that belong to no volume and no claim: a process
  /// ended between the two writes and the claim went meanwhile.
  Status SweepSecrets(Deadline deadline);

 private:
  Result<kube::Outcome> Finalize(const kube::Json& volume, Deadline deadline);

  kube::Client& client_;
  ClusterView& view_;
  DataRemover& remover_;
  const std::string operator_namespace_;
};

}  // namespace datashim::controllers
