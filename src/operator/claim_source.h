// ClaimSources: finds out where a claim's data is: from the Dataset that owns
// it and the owner's Secret and CA bundle, or from the Secret named like the
// claim. Reads only; asks no store.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/policy.h"
#include "dataset/unpack_request.h"
#include "dataset/validation.h"
#include "dataset/volume_config.h"
#include "kube/client.h"
#include "kube/object.h"
#include "operator/cluster_view.h"
#include "operator/volume_report.h"

namespace datashim::controllers {

/// A bucket to provision.
struct BucketClaim {
  dataset::VolumeConfig config;  ///< With keys and CA bundle.
  bool provision = false;        ///< Make the bucket if it is not there.
  std::string made_for = {};     ///< Uid of the Dataset, or of the claim.
  std::vector<std::string> mount_options = {};
  /// What has to be unpacked there before anybody sees it.
  std::optional<dataset::UnpackRequest> archive = {};
};

/// What is behind a claim, or why that is not known. Exactly one is set.
struct ClaimSource {
  /// There is nothing to serve yet, and nothing to say; some event will bring
  /// the claim back.
  bool wait = false;
  std::optional<VolumeReport> problem;
  std::optional<BucketClaim> bucket;
  /// A volume that needs no provisioning, only a description.
  std::optional<dataset::ResolvedSpec> spec;
};

/// Thread-safe.
class ClaimSources {
 public:
  /// Client and view outlive it.
  ClaimSources(kube::Client& client, ClusterView& view,
               std::string operator_namespace, dataset::Policy policy);

  /// @return the errors of kube::Client; all others are problems to report.
  Result<ClaimSource> Resolve(const kube::Json& claim, Deadline deadline) const;

 private:
  Result<ClaimSource> ResolveDataset(const kube::Json& dataset,
                                     const kube::Json& claim,
                                     Deadline deadline) const;
  Result<ClaimSource> ResolveBucket(const std::string& namespace_name,
                                    const dataset::BucketSource& source,
                                    BucketClaim bucket,
                                    Deadline deadline) const;
  Result<ClaimSource> ResolveArchive(const dataset::Dataset& dataset,
                                     const dataset::ResolvedSpec& spec,
                                     Deadline deadline) const;
  Result<ClaimSource> ResolveOperatorsPlace(const std::string& dataset_uid,
                                            BucketClaim bucket,
                                            Deadline deadline) const;
  Result<ClaimSource> ResolveClaimSecret(const kube::Json& claim,
                                         Deadline deadline) const;
  Result<std::optional<std::string>> ReadField(
      const std::string& namespace_name, const dataset::ObjectField& field,
      Deadline deadline) const;

  kube::Client& client_;
  ClusterView& view_;
  const std::string operator_namespace_;
  const dataset::Policy policy_;
};

}  // namespace datashim::controllers
