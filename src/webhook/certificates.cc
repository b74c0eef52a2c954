#include "webhook/certificates.h"

#include <algorithm>
#include <string_view>

#include "webhook/x509.h"

namespace datashim::webhook {
namespace {

constexpr std::string_view kAuthorityName = "Datashim webhook CA";
// X.520 limits a common name to 64 characters; clients look at dns_names only.
constexpr std::string_view kServerName = "Datashim webhook";

// Two thirds of the life are over.
bool IsDue(const CertificateFacts& facts, WallTime now) {
  return now >= facts.not_before + (facts.not_after - facts.not_before) / 3 * 2;
}

bool IsValidAt(const CertificateFacts& facts, WallTime now) {
  return facts.not_before <= now && now < facts.not_after;
}

bool SameNames(std::vector<std::string> a, std::vector<std::string> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b;
}

bool IsOlderThanAStep(const CertificateFacts& facts, WallTime now) {
  return now - (facts.not_before + kClockSkewMax) >= kRotationStep;
}

Result<KeyPair> MakeAuthority(WallTime now) {
  CertificateRequest request;
  request.common_name = kAuthorityName;
  request.is_authority = true;
  request.not_before = now - kClockSkewMax;
  request.not_after = now + kAuthorityLife;
  return IssueCertificate(request, nullptr);
}

Result<KeyPair> MakeServer(const KeyPair& authority,
                           const std::vector<std::string>& dns_names,
                           WallTime now) {
  CertificateRequest request;
  request.common_name = kServerName;
  request.dns_names = dns_names;
  request.not_before = now - kClockSkewMax;
  request.not_after = now + kServerLife;
  return IssueCertificate(request, &authority);
}

Status ReadPair(const dataset::SecretData& data, std::string_view certificate,
                std::string_view key, KeyPair& out) {
  for (const std::string_view name : {certificate, key}) {
    if (!data.contains(name)) {
      return Error{ErrorCode::kInvalidArgument,
                   std::string(name) + ": is missing"};
    }
  }
  out.certificate_pem = data.find(certificate)->second.Reveal();
  out.private_key_pem = data.find(key)->second;
  if (const auto facts = ReadCertificate(out.certificate_pem); !facts.ok()) {
    return facts.error().Wrap(certificate);
  }
  if (!IsKeyPair(out)) {
    return Error{
        ErrorCode::kInvalidArgument,
        std::string(key) + ": is not the key of " + std::string(certificate)};
  }
  return OkStatus();
}

}  // namespace

dataset::SecretData CertificateSet::ToSecretData() const {
  dataset::SecretData data;
  data["tls.crt"] = SecretString(server.certificate_pem);
  data["tls.key"] = server.private_key_pem;
  data["ca.crt"] = SecretString(authority.certificate_pem);
  data["ca.key"] = authority.private_key_pem;
  data["old-ca.crt"] = SecretString(old_authority_pem);
  return data;
}

Result<CertificateSet> CertificateSet::FromSecretData(
    const dataset::SecretData& data) {
  CertificateSet set;
  DS_RETURN_IF_ERROR(ReadPair(data, "ca.crt", "ca.key", set.authority));
  DS_RETURN_IF_ERROR(ReadPair(data, "tls.crt", "tls.key", set.server));
  if (const auto old = data.find("old-ca.crt"); old != data.end()) {
    set.old_authority_pem = old->second.Reveal();
  }
  if (!set.old_authority_pem.empty()) {
    const auto facts = ReadCertificate(set.old_authority_pem);
    if (!facts.ok()) return facts.error().Wrap("old-ca.crt");
  }
  return set;
}

Rotation PlanRotation(const CertificateSet& set,
                      const std::vector<std::string>& dns_names, WallTime now) {
  const auto authority = ReadCertificate(set.authority.certificate_pem);
  const auto server = ReadCertificate(set.server.certificate_pem);
  if (!authority.ok() || !server.ok() || !IsValidAt(*authority, now)) {
    return Rotation::kNewSet;
  }
  const bool is_of_newest =
      IsSignedBy(set.server.certificate_pem, set.authority.certificate_pem);
  const bool is_of_old =
      !set.old_authority_pem.empty() &&
      IsSignedBy(set.server.certificate_pem, set.old_authority_pem);
  if (!IsValidAt(*server, now) || !SameNames(server->dns_names, dns_names) ||
      (!is_of_newest && !is_of_old)) {
    return Rotation::kNewServer;
  }
  if (IsDue(*authority, now)) return Rotation::kNewAuthority;
  if (!is_of_newest) {
    return IsOlderThanAStep(*authority, now) ? Rotation::kNewServer
                                             : Rotation::kNone;
  }
  if (IsDue(*server, now)) return Rotation::kNewServer;
  if (!set.old_authority_pem.empty() && IsOlderThanAStep(*server, now)) {
    return Rotation::kForgetOldAuthority;
  }
  return Rotation::kNone;
}

Result<CertificateSet> Rotate(const CertificateSet& set, Rotation rotation,
                              const std::vector<std::string>& dns_names,
                              WallTime now) {
  CertificateSet next = set;
  switch (rotation) {
    case Rotation::kNone:
      break;
    case Rotation::kForgetOldAuthority:
      next.old_authority_pem.clear();
      break;
    case Rotation::kNewServer: {
      DS_ASSIGN_OR_RETURN(next.server,
                          MakeServer(set.authority, dns_names, now));
      break;
    }
    case Rotation::kNewAuthority: {
      next.old_authority_pem = set.authority.certificate_pem;
      DS_ASSIGN_OR_RETURN(next.authority, MakeAuthority(now));
      break;
    }
    case Rotation::kNewSet: {
      next.old_authority_pem.clear();
      DS_ASSIGN_OR_RETURN(next.authority, MakeAuthority(now));
      DS_ASSIGN_OR_RETURN(next.server,
                          MakeServer(next.authority, dns_names, now));
      break;
    }
  }
  return next;
}

std::vector<std::string> ServiceDnsNames(const std::string& service,
                                         const std::string& namespace_name) {
  return {service + "." + namespace_name + ".svc"};
}

}  // namespace datashim::webhook
