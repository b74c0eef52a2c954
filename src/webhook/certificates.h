// The webhook's own certificate authority: makes, stores and renews the
// certificates with which the API server trusts the webhook. Decides and
// signs; writing the Secret and the caBundle is the operator's.

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "dataset/volume_config.h"

namespace datashim::webhook {

inline constexpr std::chrono::hours kAuthorityLife{5 * 365 * 24};
inline constexpr std::chrono::hours kServerLife{90 * 24};
/// Certificates are valid from this long before they were made, for API
/// servers whose clock is behind.
inline constexpr std::chrono::minutes kClockSkewMax{10};
/// How long a step of a rotation lasts: in that time every replica has loaded
/// the new Secret and the API server the new caBundle.
inline constexpr std::chrono::hours kRotationStep{24};

/// A certificate and its key (ECDSA P-256), PEM.
struct KeyPair {
  std::string certificate_pem;
  SecretString private_key_pem;
};

/// What the operator keeps in its Secret. Thread-compatible.
struct CertificateSet {
  KeyPair authority;
  /// Still trusted while a server certificate of it may be in use; or empty.
  std::string old_authority_pem;
  KeyPair server;

  /// What the API server shall trust: webhooks[].clientConfig.caBundle is its
  /// base64.
  std::string CaBundlePem() const {
    return authority.certificate_pem + old_authority_pem;
  }

  /// Keys tls.crt, tls.key, ca.crt, ca.key, old-ca.crt.
  dataset::SecretData ToSecretData() const;
  /// @return kInvalidArgument, naming the key, if one is missing or no PEM of
  ///     its kind.
  static Result<CertificateSet> FromSecretData(const dataset::SecretData& data);
};

/// What to do to a CertificateSet now.
enum class Rotation {
  kNone,
  /// A new authority is trusted besides the old one, which still vouches for
  /// the server.
  kNewAuthority,
  kNewServer,  ///< A new server certificate, by the newest authority.
  kForgetOldAuthority,
  kNewSet,  ///< Nothing of it can be used any more.
};

/// Renews at two thirds of a life. An authority is replaced in three steps, at
/// least kRotationStep apart, so that at no time a replica shows a certificate
/// that the API server does not trust. A server certificate that is expired,
/// foreign or has not exactly `dns_names` is replaced at once.
Rotation PlanRotation(const CertificateSet& set,
                      const std::vector<std::string>& dns_names, WallTime now);

/// Carries out `rotation`. `set` may be empty for kNewSet.
/// @return kInternal if OpenSSL fails.
Result<CertificateSet> Rotate(const CertificateSet& set, Rotation rotation,
                              const std::vector<std::string>& dns_names,
                              WallTime now);

/// "<service>.<namespace>.svc": the name by which the API server calls.
std::vector<std::string> ServiceDnsNames(const std::string& service,
                                         const std::string& namespace_name);

}  // namespace datashim::webhook
