// VolumeCredentials: the credentials of a volume, whatever its configuration
// says: keys, a role, an API key, or the identity of the pod that uses it.

#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "credentials/container.h"
#include "credentials/source.h"
#include "dataset/pod_identity.h"
#include "dataset/volume_config.h"
#include "s3/credentials.h"

namespace datashim::volume {

/// What this process may do with tokens of pods. Default: nothing.
struct TokenRules {
  /// The kubelet makes tokens for STS with this audience; empty: none.
  std::string web_identity_audience;
  /// URLs of STS that get them, besides AWS's.
  std::vector<std::string> sts_endpoints;
  /// The kubelet makes tokens for EKS's agent.
  bool pod_identity = false;
  std::string pod_identity_url = credentials::kPodIdentityUrl;
};

/// The audience of tokens for EKS's Pod Identity Agent.
inline constexpr char kPodIdentityAudience[] = "pods.eks.amazonaws.com";

/// Thread-safe. Serves one identity all its life: of `config` if it has keys,
/// else of one ServiceAccount.
class VolumeCredentials final : public s3::CredentialProvider {
 public:
  /// @param pod who uses the volume; for configs that pods open.
  /// @return kInvalidArgument; kFailedPrecondition if a pod is needed and there
  ///     is none, or it brought no token; kPermissionDenied if its token may
  ///     not be sent there.
  static Result<std::shared_ptr<VolumeCredentials>> Make(
      const dataset::VolumeConfig& config, const dataset::PodIdentity& pod = {},
      TokenRules rules = {});

  /// The keys or token of now. What was fetched stays in use for as long as it
  /// lasts, unless the keys or the role are other ones. Errors as of Make; then
  /// nothing has changed.
  Status Update(const dataset::VolumeConfig& config,
                const dataset::PodIdentity& pod = {});

  /// The pod's token of now, for the identity there is; nothing without one.
  /// Errors as of Make.
  Status UpdateToken(const dataset::PodIdentity& pod);

  Result<std::shared_ptr<const s3::Credentials>> Get(
      Deadline deadline) override;
  bool Renew(const s3::Credentials& used) override;

 private:
  /// A token that others read at every fetch. Thread-safe.
  class Token;
  struct Parts;

  explicit VolumeCredentials(TokenRules rules);
  Result<Parts> Build(const dataset::VolumeConfig& config,
                      const dataset::PodIdentity& pod) const;
  Status SetToken(const dataset::PodIdentity& pod);
  std::shared_ptr<s3::CredentialProvider> current() const;

  const TokenRules rules_;
  mutable std::mutex mutex_;
  // All below are guarded by mutex_.
  std::shared_ptr<Parts> parts_;
};

}  // namespace datashim::volume
