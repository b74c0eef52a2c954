// OidcIssuer: an OpenID Connect issuer on loopback: discovery document, key
// set, and tokens as Kubernetes makes them for ServiceAccounts.

#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/secret.h"
#include "net/http_server.h"

namespace datashim::integration {

/// Thread-safe. Aborts if OpenSSL fails.
class OidcIssuer {
 public:
  OidcIssuer();
  ~OidcIssuer();

  /// "http://127.0.0.1:port/.well-known/openid-configuration".
  std::string discovery_url() const;

  /// Who a token is for and what it allows.
  struct Claims {
    std::string audience;
    std::string subject;
    /// MinIO's claim: the policy that whoever has the token gets.
    std::string policy;
    /// Negative: it has ended.
    std::chrono::seconds lifetime = std::chrono::minutes(10);
  };
  /// A signed JWT.
  SecretString Token(const Claims& claims) const;

 private:
  struct Key;
  net::HttpResponse Answer(const net::HttpRequest& request) const;

  std::unique_ptr<Key> key_;
  std::unique_ptr<net::HttpServer> server_;
  std::string url_;
};

}  // namespace datashim::integration
