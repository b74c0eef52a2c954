// X509: the few things that certificates.h needs of OpenSSL. Pure but for
// OpenSSL's random numbers.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "webhook/certificates.h"

namespace datashim::webhook {

/// What a certificate is to be.
struct CertificateRequest {
  std::string common_name;
  std::vector<std::string> dns_names;
  bool is_authority = false;
  WallTime not_before;
  WallTime not_after;
};

/// Makes a key and a certificate for it.
/// @param issuer who signs; null: the certificate signs itself.
/// @return kInternal if OpenSSL fails, or if the issuer is no key pair.
Result<KeyPair> IssueCertificate(const CertificateRequest& request,
                                 const KeyPair* issuer);

/// What a certificate says.
struct CertificateFacts {
  std::vector<std::string> dns_names;  ///< As on the certificate.
  WallTime not_before;
  WallTime not_after;
};

/// @return kInvalidArgument if it is not one certificate in PEM.
Result<CertificateFacts> ReadCertificate(const std::string& pem);

/// True if `issuer_pem` signed the certificate; dates do not matter.
bool IsSignedBy(const std::string& pem, const std::string& issuer_pem);

/// True if the private key belongs to the certificate.
bool IsKeyPair(const KeyPair& pair);

}  // namespace datashim::webhook
