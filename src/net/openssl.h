// OpenSSL objects with owners, PEM parsing and error texts. Internal to net:
// included by the .cc files that speak TLS.

#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datashim::net {
/// Frees what OpenSSL allocated, for std::unique_ptr.
template <auto Free>
struct OpenSslFree {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, OpenSslFree<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;
using SslSession = std::unique_ptr<SSL_SESSION, OpenSslFree<SSL_SESSION_free>>;

/// The thread's oldest OpenSSL error as text; empties the queue.
std::string TakeOpenSslError();

/// Adds every certificate of the PEM text to what the context trusts.
/// @return kInvalidArgument if there is none or one does not parse.
Status TrustPem(SSL_CTX* context, std::string_view pem);

/// Sets chain (leaf first) and key. @return kInvalidArgument if one does not
/// parse or they do not belong together.
Status UseCertificate(SSL_CTX* context, std::string_view chain_pem,
                      std::string_view key_pem);

}  // namespace datashim::net
