#include "operator/certificate_controller.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "operator/names.h"
#include "operator/volume_plan.h"

namespace datashim::controllers {
namespace {

/// How often the dates are looked at. Changes of the configuration come at
/// once, by the informer.
constexpr std::chrono::minutes kLookInterval{10};

std::string_view RotationName(webhook::Rotation rotation) {
  switch (rotation) {
    case webhook::Rotation::kNone:
      return "none";
    case webhook::Rotation::kNewAuthority:
      return "new authority";
    case webhook::Rotation::kNewServer:
      return "new server certificate";
    case webhook::Rotation::kForgetOldAuthority:
      return "forget old authority";
    case webhook::Rotation::kNewSet:
      return "new set";
  }
  return "unknown";
}

}  // namespace

CertificateController::CertificateController(kube::Client& client,
                                             CertificateNames names,
                                             Clock& clock)
    : client_(client), names_(std::move(names)), clock_(clock) {}

Result<kube::Outcome> CertificateController::Reconcile(Deadline deadline) {
  // The Secret first: the API server must not be told to trust what no
  // replica can show.
  DS_ASSIGN_OR_RETURN(const webhook::CertificateSet set,
                      EnsureSecret(deadline));
  DS_RETURN_IF_ERROR(EnsureCaBundle(set, deadline));
  return kube::Outcome::RequeueAfter(kLookInterval);
}

Result<webhook::CertificateSet> CertificateController::EnsureSecret(
    Deadline deadline) {
  DS_ASSIGN_OR_RETURN(auto secret,
                      client_.Find(kube::kSecrets, names_.secret, deadline));
  webhook::CertificateSet set;
  webhook::Rotation rotation = webhook::Rotation::kNewSet;
  if (secret) {
    if (auto stored = CertificatesIn(*secret); stored.ok()) {
      set = *std::move(stored);
      rotation = webhook::PlanRotation(set, names_.dns_names, clock_.WallNow());
    }
  }
  if (rotation == webhook::Rotation::kNone) return set;

  DS_ASSIGN_OR_RETURN(
      set, webhook::Rotate(set, rotation, names_.dns_names, clock_.WallNow()));
  log::Info("webhook certificates are renewed",
            {{"step", std::string(RotationName(rotation))},
             {"secret", names_.secret.ToString()}});
  kube::Json wanted =
      secret ? *secret : kube::MakeObject(kube::kSecrets, names_.secret);
  wanted["data"] = EncodeSecretData(set.ToSecretData());
  auto written = secret ? client_.Update(kube::kSecrets, wanted, deadline)
                        : client_.Create(kube::kSecrets, wanted, deadline);
  if (!written.ok()) return std::move(written).error();
  return set;
}

Status CertificateController::EnsureCaBundle(const webhook::CertificateSet& set,
                                             Deadline deadline) {
  DS_ASSIGN_OR_RETURN(
      auto configuration,
      client_.Find(kMutatingWebhooks, {"", names_.webhook_configuration},
                   deadline));
  // Somebody may not want the webhook; the informer tells when it comes.
  if (!configuration) return OkStatus();
  if (!SetCaBundle(*configuration, set.CaBundlePem())) return OkStatus();
  const auto written =
      client_.Update(kMutatingWebhooks, *configuration, deadline);
  if (!written.ok()) return written.error();
  log::Info("caBundle of the webhook is set",
            {{"configuration", names_.webhook_configuration}});
  return OkStatus();
}

bool SetCaBundle(kube::Json& configuration, const std::string& ca_bundle_pem) {
  const auto webhooks = configuration.find("webhooks");
  if (webhooks == configuration.end() || !webhooks->is_array()) return false;
  const std::string bundle = Base64Encode(ca_bundle_pem);
  bool changed = false;
  for (kube::Json& hook : *webhooks) {
    if (kube::StringAt(hook, {"clientConfig", "caBundle"}) == bundle) continue;
    hook["clientConfig"]["caBundle"] = bundle;
    changed = true;
  }
  return changed;
}

Result<webhook::CertificateSet> CertificatesIn(const kube::Json& secret) {
  return webhook::CertificateSet::FromSecretData(SecretDataOf(secret));
}

}  // namespace datashim::controllers
