// HttpServer: a small HTTP/1.1 server, plain or TLS, for webhooks, health and
// metrics. No routing: the handler sees every request.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "net/http_message.h"

namespace datashim::net {

/// A request as a handler sees it, whole.
struct HttpRequest {
  std::string method;
  std::string path;   ///< Percent-encoded as it came, without the query.
  std::string query;  ///< Without '?'.
  HttpHeaders headers;
  std::string body;
};

/// Certificate chain, PEM, leaf first, and its key.
struct ServerCertificate {
  std::string chain_pem;
  SecretString key_pem;
};

/// Where a server listens, and its limits.
struct HttpServerOptions {
  std::string address = "127.0.0.1";  ///< IPv4 or IPv6; "::" is both.
  std::uint16_t port = 0;             ///< 0: the kernel chooses; see port().
  bool tls = false;
  /// With `tls`. Without a certificate handshakes fail until SetCertificate.
  ServerCertificate certificate = {};
  /// Each has a thread, which runs the handler as well. More connections wait
  /// in the kernel's queue.
  std::size_t connections_max = 256;
  /// Admission reviews: the API server's own limit of a request is 3 MiB.
  std::size_t body_bytes_max = 3u << 20;
  std::size_t header_bytes_max = 32u << 10;
  /// TLS handshake; a request from its first byte to its last; the answer.
  Duration request_timeout = std::chrono::seconds(10);
  /// Between two requests of a connection.
  Duration idle_timeout = std::chrono::seconds(90);
};

/// Called on the thread of the connection, by several at once. Must not throw.
using HttpHandler = std::function<HttpResponse(const HttpRequest&)>;

/// Thread-safe.
class HttpServer {
 public:
  /// Listens and serves when it returns.
  /// @return kInvalidArgument (address or certificate), kUnavailable (port in
  ///     use), naming the address.
  static Result<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                   HttpHandler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  /// Stop with no drain.
  ~HttpServer();

  std::uint16_t port() const;

  /// New connections use this certificate; those that are open keep theirs.
  /// @return kInvalidArgument if it does not parse or key and leaf differ: the
  ///     old one stays.
  Status SetCertificate(const ServerCertificate& certificate);

  /// From now on a connection ends with its next answer: callers that connect
  /// anew may reach another server. Cannot be undone.
  void EndKeepAlive();

  /// Stops listening, closes idle connections, lets requests under way finish
  /// for at most `drain`, then closes the rest. Returns when the threads have
  /// ended, so after `drain` at the latest plus the time of a running handler.
  /// Idempotent.
  void Stop(Duration drain);

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace datashim::net
