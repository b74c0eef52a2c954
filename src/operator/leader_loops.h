// LeaderLoops: everything that only the leader does, from the informers to the
// workers, wired together. Lives for one term of office.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/policy.h"
#include "kube/client.h"
#include "kube/controller.h"
#include "kube/events.h"
#include "kube/informer.h"
#include "operator/certificate_controller.h"
#include "operator/cluster_view.h"
#include "operator/data_remover.h"
#include "operator/dataset_controller.h"
#include "operator/provisioner.h"
#include "operator/volume_reclaimer.h"
#include "operator/volume_report.h"

namespace datashim::controllers {

/// What the leader needs to know of its surroundings.
struct LeaderOptions {
  std::string operator_namespace;
  std::string identity;  ///< Shown as the host of events.
  CertificateNames certificates;
  dataset::Policy policy = {};
  WorkerOptions workers = {};
};

/// Thread-safe. Life: construct, Start, OnDatasetChange for every change from
/// then on, Stop.
class LeaderLoops {
 public:
  /// `datasets` is started by its owner; it, `client` (which the loops have
  /// for themselves and end) and `clock` outlive them.
  LeaderLoops(LeaderOptions options, std::unique_ptr<kube::Client> client,
              const kube::Informer& datasets, Clock& clock);
  LeaderLoops(const LeaderLoops&) = delete;
  LeaderLoops& operator=(const LeaderLoops&) = delete;
  /// Stop().
  ~LeaderLoops();

  /// Starts all. Reconciling begins when the copies are complete; returns at
  /// once.
  void Start();
  /// A Dataset came, changed or went.
  void OnDatasetChange(const kube::ObjectChange& change);
  /// Ends calls to the API server at once and waits for the workers, at most
  /// for one look at a bucket (kProbeTimeout). Idempotent.
  void Stop();

  /// For /metrics: name and numbers of each controller.
  std::vector<std::pair<std::string, kube::Controller::Metrics>> metrics()
      const;

 private:
  void Wire();
  void OnClaimChange(const kube::ObjectChange& change);
  void OnVolumeChange(const kube::ObjectChange& change);
  void OnStorageClassChange();
  void BeginWhenSynced(std::stop_token stop);
  Result<kube::Outcome> Upkeep(const kube::ObjectKey& key, Deadline deadline);
  std::vector<kube::Controller*> Controllers();

  const LeaderOptions options_;
  const std::unique_ptr<kube::Client> client_;
  Clock& clock_;
  const kube::Informer& datasets_;

  kube::EventRecorder events_;
  ClusterView view_;
  kube::Informer webhook_configuration_;
  VolumeReports reports_;
  VolumeReports removals_;
  DatasetController dataset_controller_;
  Provisioner provisioner_;
  DataRemover remover_;
  VolumeReclaimer reclaimer_;
  CertificateController certificate_controller_;

  // Queues and workers.
  kube::Controller dataset_loop_;
  kube::Controller claim_loop_;
  kube::Controller volume_loop_;
  kube::Controller upkeep_loop_;
  std::jthread starter_;
};

}  // namespace datashim::controllers
