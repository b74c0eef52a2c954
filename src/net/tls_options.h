// What a TLS client trusts and who it says it is.

#pragma once

#include <string>

#include "base/secret.h"

namespace datashim::net {
/// How a client does TLS: whom it trusts and who it is.
struct TlsOptions {
  /// Authorities, PEM. Empty: those of the system.
  std::string ca_bundle_pem = {};
  /// Certificate chain, PEM, leaf first, and its key. Empty: none.
  std::string client_certificate_pem = {};
  SecretString client_key_pem = {};
  /// Name to send (SNI) and to verify. Empty: the host of the URL.
  std::string server_name = {};
  /// Takes any certificate. The connection is then open to whoever is on the
  /// path.
  bool insecure_skip_verify = false;
};

}  // namespace datashim::net
