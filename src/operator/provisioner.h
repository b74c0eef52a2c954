// Provisioner: makes the PersistentVolume and the volume Secret of each claim
// of our StorageClass, and keeps the Secret right while the claim lives. Does
// for our driver what the CSI project's external-provisioner does for others.
// Describes the volumes of Datasets that need no provisioning.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/volume_config.h"
#include "kube/client.h"
#include "kube/controller.h"
#include "kube/events.h"
#include "kube/object.h"
#include "operator/bucket_probe.h"
#include "operator/claim_source.h"
#include "operator/cluster_view.h"
#include "operator/unpacker.h"
#include "operator/volume_report.h"

namespace datashim::controllers {

/// A bucket that was found usable is asked again after this time, so that keys
/// which the store revoked are seen.
inline constexpr std::chrono::minutes kVerifyInterval{5};

/// What the provisioner needs to know of the cluster.
struct ProvisionerOptions {
  std::string operator_namespace;  ///< Where volume Secrets are kept.
  dataset::Policy policy = {};
  WorkerOptions workers = {};
};

/// Thread-safe. Level-triggered as DatasetController.
class Provisioner {
 public:
  /// Told that the report of a claim changed. Must not block.
  using OnReport = std::function<void(const kube::ObjectKey& claim)>;

  /// Everything given by reference outlives the provisioner.
  Provisioner(kube::Client& client, ClusterView& view, VolumeReports& reports,
              kube::EventRecorder& events, ProvisionerOptions options,
              OnReport on_report, Clock& clock);

  /// Serves one claim. Errors are those of kube::Client.
  Result<kube::Outcome> Reconcile(const kube::ObjectKey& key,
                                  Deadline deadline);

  /// Ends workers of claims that went while no operator was there, and removes
  /// what they left.
  Status SweepWorkers(Deadline deadline);

 private:
  /// What is known of a claim from earlier calls.
  struct Served {
    std::string uid;
    /// What the volume Secret holds, as far as we know; empty: not known.
    dataset::SecretData stored;
    /// What was found usable last, and when.
    dataset::SecretData verified;
    MonotonicTime verified_at{};
    bool bucket_created = false;
    bool is_archive = false;
    bool workers_gone = false;  ///< No Job or Secret of a worker is left.
    int failures = 0;
    std::uint64_t revision = 0;
  };

  Result<kube::Outcome> ServeBucket(const kube::Json& claim,
                                    const BucketClaim& bucket, Served& served,
                                    Deadline deadline);
  Result<kube::Outcome> ServeDescribed(const kube::Json& claim,
                                       const dataset::ResolvedSpec& spec,
                                       Deadline deadline);
  void ReportOthers(const kube::Json& claim, const kube::Json* storage_class);
  std::optional<BucketVerdict> Verify(const BucketClaim& bucket,
                                      const dataset::SecretData& data,
                                      Served& served, Deadline deadline);
  Result<std::optional<kube::Outcome>> Unpack(const kube::Json& claim,
                                              const BucketClaim& bucket,
                                              Served& served,
                                              Deadline deadline);
  Status LoadStored(const std::string& claim_uid, Served& served,
                    Deadline deadline);
  Status WriteSecret(const kube::Json& claim, const dataset::SecretData& data,
                     Served& served, Deadline deadline);
  Status EnsureVolume(const kube::Json& volume, Deadline deadline);
  Result<kube::Outcome> Fail(const kube::Json& claim, Served& served,
                             VolumeReport report);
  bool Report(const kube::Json& claim, VolumeReport report);
  Result<kube::Outcome> ForgetClaim(const kube::ObjectKey& key,
                                    Deadline deadline);
  std::shared_ptr<Served> ServedOf(const kube::Json& claim);

  kube::Client& client_;
  ClusterView& view_;
  VolumeReports& reports_;
  kube::EventRecorder& events_;
  const std::string operator_namespace_;
  const ClaimSources sources_;
  Unpacker unpacker_;
  const OnReport on_report_;
  Clock& clock_;
  std::mutex mutex_;
  // Guarded by mutex_; what a pointer refers to is used by the one worker that
  // has the key.
  std::map<kube::ObjectKey, std::shared_ptr<Served>> served_;
};

/// The delay before the n-th look (from 1) at a problem: kRetryDelayMin,
/// doubling up to kRetryDelayMax. Pure.
Duration RetryDelay(int failures);

}  // namespace datashim::controllers
