// TLS of HttpClient and HttpServer over OpenSSL. Internal to net.

#pragma once

#include <memory>

#include "base/result.h"
#include "net/http_server.h"
#include "net/tls_options.h"
#include "net/transport.h"
#include "net/url.h"
#include "net/wait.h"

namespace datashim::net {

/// Trust, client certificate and the sessions to resume. Thread-safe.
class TlsClient {
 public:
  /// @return kInvalidArgument, saying which, if a PEM text does not parse.
  static Result<std::unique_ptr<TlsClient>> Make(const TlsOptions& options);
  ~TlsClient();

  /// Shakes hands, TLS 1.2 or later, and verifies the certificate for
  /// `origin.host` or TlsOptions::server_name.
  /// @return kUnavailable with OpenSSL's reason.
  Result<std::unique_ptr<Transport>> Handshake(FileDescriptor socket,
                                               const Origin& origin,
                                               const WaitLimits& limits);

  class Impl;

 private:
  explicit TlsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// A server's certificate. Immutable; to change it, make another one.
class TlsServer {
 public:
  /// `certificate` may be empty: then every handshake fails.
  /// @return kInvalidArgument if it does not parse or key and leaf differ.
  static Result<std::unique_ptr<TlsServer>> Make(
      const ServerCertificate& certificate);
  ~TlsServer();

  /// TLS 1.2 or later. Thread-safe.
  Result<std::unique_ptr<Transport>> Handshake(FileDescriptor socket,
                                               const WaitLimits& limits) const;

  class Impl;

 private:
  explicit TlsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace datashim::net
