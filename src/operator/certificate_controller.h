// CertificateController: keeps the webhook's certificates in their Secret,
// renews them in time, and keeps the caBundle by which the API server trusts
// them right. What to renew and when is decided in webhook/certificates.h.

#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client.h"
#include "kube/controller.h"
#include "kube/object.h"
#include "webhook/certificates.h"

namespace datashim::controllers {

/// Where the webhook's certificates are kept and who trusts them.
struct CertificateNames {
  kube::ObjectKey secret;
  /// MutatingWebhookConfiguration; all its webhooks are ours.
  std::string webhook_configuration;
  std::vector<std::string> dns_names;
};

/// Runs in the leader only; the other replicas read the Secret. Thread-safe.
class CertificateController {
 public:
  /// `client` and `clock` outlive the controller.
  CertificateController(kube::Client& client, CertificateNames names,
                        Clock& clock);

  /// Brings Secret and caBundle to where they should be now.
  /// Errors are those of kube::Client.
  Result<kube::Outcome> Reconcile(Deadline deadline);

 private:
  Result<webhook::CertificateSet> EnsureSecret(Deadline deadline);
  Status EnsureCaBundle(const webhook::CertificateSet& set, Deadline deadline);

  kube::Client& client_;
  const CertificateNames names_;
  Clock& clock_;
};

/// Sets clientConfig.caBundle of all webhooks of the configuration. Pure.
/// @return false if it was right already.
bool SetCaBundle(kube::Json& configuration, const std::string& ca_bundle_pem);

/// The certificates in a Secret. @return kInvalidArgument if it holds none.
Result<webhook::CertificateSet> CertificatesIn(const kube::Json& secret);

}  // namespace datashim::controllers
