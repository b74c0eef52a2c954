#include "volume/volume_credentials.h"

#include <utility>

#include "credentials/ibm_iam.h"
#include "credentials/refreshing_credentials.h"
#include "credentials/sts.h"
#include "dataset/identity.h"
#include "s3/endpoint.h"
#include "volume/bucket_client.h"

namespace datashim::volume {
namespace {

using credentials::CredentialSource;
using credentials::RefreshingCredentials;
using dataset::Auth;
using dataset::PodIdentity;
using dataset::VolumeConfig;

/// What makes credentials other ones.
dataset::SecretData IdentityOf(const VolumeConfig& config) {
  VolumeConfig identity;
  identity.auth = config.auth;
  identity.access_key_id = config.access_key_id;
  identity.secret_access_key = config.secret_access_key;
  identity.session_token = config.session_token;
  identity.role_arn = config.role_arn;
  identity.external_id = config.external_id;
  identity.sts_endpoint = config.sts_endpoint;
  identity.iam_api_key = config.iam_api_key;
  identity.iam_endpoint = config.iam_endpoint;
  identity.service_instance_id = config.service_instance_id;
  // Whom the servers of these are trusted to be, and where AWS's are.
  identity.endpoint = config.endpoint;
  identity.region = config.region;
  identity.ca_bundle_pem = config.ca_bundle_pem;
  return identity.ToSecretData();
}

/// A server of the Dataset's own has the Dataset's authorities. Its certificate
/// is always checked: keys and tokens are worth more than one bucket.
net::TlsOptions TlsOf(const VolumeConfig& config, const std::string& endpoint) {
  net::TlsOptions tls;
  if (!endpoint.empty()) tls.ca_bundle_pem = config.ca_bundle_pem;
  return tls;
}

credentials::RoleOptions RoleOf(const VolumeConfig& config) {
  credentials::RoleOptions options;
  options.region = config.region;
  if (options.region.empty()) {
    const auto endpoint = s3::ParseEndpoint(config.endpoint, "", true);
    if (endpoint.ok() && !config.endpoint.empty()) {
      options.region = endpoint->region;
    }
  }
  options.endpoint = config.sts_endpoint.empty()
                         ? credentials::AwsStsEndpoint(options.region)
                         : config.sts_endpoint;
  options.tls = TlsOf(config, config.sts_endpoint);
  options.role_arn = config.role_arn;
  options.external_id = config.external_id;
  return options;
}

Error NoToken(std::string_view value) {
  return {ErrorCode::kFailedPrecondition,
          "the kubelet brings no token of the pod; the cluster's administrator "
          "can set the chart's value " +
              std::string(value)};
}

/// The audience that tokens for this way must have.
Result<std::string> AudienceOf(Auth auth, const TokenRules& rules) {
  if (auth == Auth::kWebIdentity) {
    if (rules.web_identity_audience.empty()) {
      return NoToken("iam.webIdentityAudience");
    }
    return rules.web_identity_audience;
  }
  if (!rules.pod_identity) return NoToken("iam.podIdentity");
  return std::string(kPodIdentityAudience);
}

Result<SecretString> TokenOf(Auth auth, const PodIdentity& pod,
                             const TokenRules& rules) {
  if (pod.service_account.empty() || pod.namespace_name.empty()) {
    return Error{ErrorCode::kFailedPrecondition,
                 "only pods can open this volume, by their ServiceAccount"};
  }
  DS_ASSIGN_OR_RETURN(const std::string audience, AudienceOf(auth, rules));
  const auto found = pod.tokens.find(audience);
  if (found != pod.tokens.end()) return found->second;
  return NoToken(auth == Auth::kWebIdentity ? "iam.webIdentityAudience"
                                            : "iam.podIdentity");
}

}  // namespace

class VolumeCredentials::Token {
 public:
  explicit Token(SecretString token) : token_(std::move(token)) {}

  /// @return true if it is another one.
  bool Set(SecretString token) {
    const std::lock_guard lock(mutex_);
    if (token_ == token) return false;
    token_ = std::move(token);
    return true;
  }
  SecretString Get() const {
    const std::lock_guard lock(mutex_);
    return token_;
  }

 private:
  mutable std::mutex mutex_;
  SecretString token_;  // Guarded by mutex_.
};

struct VolumeCredentials::Parts {
  dataset::SecretData identity;
  Auth auth = Auth::kKeys;
  std::shared_ptr<s3::CredentialProvider> provider;
  std::shared_ptr<Token> token;                       // Null without a pod.
  std::shared_ptr<RefreshingCredentials> refreshing;  // Null for plain keys.
};

VolumeCredentials::VolumeCredentials(TokenRules rules)
    : rules_(std::move(rules)) {}

Result<std::shared_ptr<VolumeCredentials>> VolumeCredentials::Make(
    const VolumeConfig& config, const PodIdentity& pod, TokenRules rules) {
  std::shared_ptr<VolumeCredentials> made(
      new VolumeCredentials(std::move(rules)));
  DS_RETURN_IF_ERROR(made->Update(config, pod));
  return made;
}

Result<VolumeCredentials::Parts> VolumeCredentials::Build(
    const VolumeConfig& config, const PodIdentity& pod) const {
  Parts parts;
  parts.auth = config.auth;
  Result<std::unique_ptr<CredentialSource>> source =
      std::unique_ptr<CredentialSource>();
  credentials::TokenReader read;
  if (config.IsOpenedByPods()) {
    DS_ASSIGN_OR_RETURN(SecretString token, TokenOf(config.auth, pod, rules_));
    parts.token = std::make_shared<Token>(std::move(token));
    read = [token = parts.token]() -> Result<SecretString> {
      return token->Get();
    };
  }
  if (config.auth == Auth::kWebIdentity) {
    credentials::RoleOptions options = RoleOf(config);
    DS_RETURN_IF_ERROR(
        dataset::CheckStsEndpoint(options.endpoint, rules_.sts_endpoints));
    options.session_name = credentials::SessionName(
        "datashim." + pod.namespace_name + "." + pod.service_account);
    source = credentials::MakeWebIdentity(std::move(options), std::move(read));
  } else if (config.auth == Auth::kPodIdentity) {
    source = credentials::MakeContainerCredentials(rules_.pod_identity_url,
                                                   std::move(read));
  } else if (!config.iam_api_key.empty()) {
    credentials::ApiKeyOptions options;
    options.tls = TlsOf(config, config.iam_endpoint);
    options.api_key = config.iam_api_key;
    options.service_instance_id = config.service_instance_id;
    if (!config.iam_endpoint.empty()) options.endpoint = config.iam_endpoint;
    source = credentials::MakeApiKeyCredentials(std::move(options));
  } else {
    parts.provider =
        std::make_shared<s3::UpdatableCredentials>(CredentialsOf(config));
    if (config.role_arn.empty()) return parts;
    source = credentials::MakeAssumeRole(RoleOf(config), parts.provider);
  }
  if (!source.ok()) return std::move(source).error();
  parts.refreshing =
      std::make_shared<RefreshingCredentials>(std::move(source).value());
  parts.provider = parts.refreshing;
  return parts;
}

Status VolumeCredentials::Update(const VolumeConfig& config,
                                 const PodIdentity& pod) {
  dataset::SecretData identity = IdentityOf(config);
  std::shared_ptr<Parts> old;  // Ends without the lock: that may take a while.
  std::unique_lock lock(mutex_);
  if (parts_ != nullptr && parts_->identity == identity) {
    return SetToken(pod);
  }
  DS_ASSIGN_OR_RETURN(Parts parts, Build(config, pod));
  parts.identity = std::move(identity);
  old = std::exchange(parts_, std::make_shared<Parts>(std::move(parts)));
  lock.unlock();
  return OkStatus();
}

Status VolumeCredentials::UpdateToken(const PodIdentity& pod) {
  const std::lock_guard lock(mutex_);
  return SetToken(pod);
}

/// REQUIRES: mutex_ is held.
Status VolumeCredentials::SetToken(const PodIdentity& pod) {
  if (parts_->token == nullptr) return OkStatus();
  DS_ASSIGN_OR_RETURN(SecretString token, TokenOf(parts_->auth, pod, rules_));
  if (parts_->token->Set(std::move(token))) parts_->refreshing->OnChange();
  return OkStatus();
}

std::shared_ptr<s3::CredentialProvider> VolumeCredentials::current() const {
  const std::lock_guard lock(mutex_);
  return parts_->provider;
}

Result<std::shared_ptr<const s3::Credentials>> VolumeCredentials::Get(
    Deadline deadline) {
  return current()->Get(deadline);
}

bool VolumeCredentials::Renew(const s3::Credentials& used) {
  return current()->Renew(used);
}

}  // namespace datashim::volume
