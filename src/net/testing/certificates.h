// Authorities and certificates made on the spot, for tests of TLS.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/secret.h"

namespace datashim::net {

/// A certificate, PEM, and its key.
struct TestCertificate {
  std::string chain_pem;
  SecretString key_pem;
};

/// An authority of its own, valid for an hour. Aborts if OpenSSL fails.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);
  ~TestAuthority();

  /// What clients trust.
  const std::string& ca_pem() const { return ca_pem_; }

  /// @param names  subject alternative names as OpenSSL spells them, such as
  ///     "DNS:localhost" or "IP:127.0.0.1".
  /// @param valid_seconds  negative: expired.
  TestCertificate Issue(const std::string& common_name,
                        const std::vector<std::string>& names,
                        long valid_seconds = 3600) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::string ca_pem_;
};

}  // namespace datashim::net
