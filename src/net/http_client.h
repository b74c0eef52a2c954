// HttpClient: blocking HTTP/1.1 over pooled keep-alive connections, plain or
// TLS. Follows no redirects, knows no proxies and retries nothing but the race
// with a server that closes an idle connection; see retry.h for the rest.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "net/http_message.h"
#include "net/tls_options.h"
#include "net/url.h"

namespace datashim::net {

/// Limits of one client and whom it trusts.
struct HttpClientOptions {
  TlsOptions tls = {};
  /// Connections to one origin, busy and idle. A call that needs one more
  /// waits for its turn until its deadline.
  std::size_t connections_max = 64;
  /// An idle connection older than this is not used again: S3 closes after
  /// about 5 s.
  Duration idle_timeout = std::chrono::seconds(4);
  /// Name resolution, TCP and TLS handshake together.
  Duration connect_timeout = std::chrono::seconds(10);
  /// Status line and header fields of one answer.
  std::size_t response_header_bytes_max = 64u << 10;
};

/// One request and how long it may take. The views must outlive the call.
struct HttpCall {
  std::string method = "GET";
  Origin origin;
  std::string target = "/";  ///< Path and query, percent-encoded.
  /// Host, Content-Length and Connection are added by the client. A name or
  /// value with CR, LF or NUL is refused with kInvalidArgument.
  HttpHeaders headers;
  std::string_view body;
  /// The call may be sent twice without harm, so when a reused connection
  /// turns out to be closed before the first byte of an answer, the client
  /// sends it again at once over a new one.
  bool replayable = true;
  Deadline deadline = Deadline::Never();
  /// Ends the call with kCancelled within milliseconds.
  std::stop_token stop;
  /// Longest silence between two bytes of the answer; nullopt: up to the
  /// deadline.
  std::optional<Duration> idle_timeout;
};

/// An answer whose body went into the caller's memory.
struct HttpIntoResponse {
  int status = 0;
  HttpHeaders headers;
  std::size_t body_bytes = 0;  ///< Of `out`; 0 when the status is not 2xx.
  std::string error_body;      ///< When it is not: its first 64 KiB.
};

/// Bodies of answers other than 2xx are cut at this size in FetchInto and
/// FetchStream.
inline constexpr std::size_t kErrorBodyBytesMax = 64u << 10;

/// Thread-safe; calls block their thread. An answer of any status is a value.
///
/// Errors: kUnavailable (name, connect, TLS or connection failed, or what came
/// was no HTTP), kDeadlineExceeded, kCancelled, kDataLoss (the body is larger
/// than allowed), kInvalidArgument. Messages name the origin, never the target
/// or a header: both may hold secrets.
class HttpClient {
 public:
  /// @return kInvalidArgument if a PEM text does not parse.
  static Result<std::unique_ptr<HttpClient>> Make(HttpClientOptions options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  /// REQUIRES: no call is under way.
  ~HttpClient();

  /// The body into a string of at most `body_bytes_max`.
  Result<HttpResponse> Fetch(const HttpCall& call, std::size_t body_bytes_max);

  /// The body of a 2xx answer into `out`, received in place. kDataLoss if it
  /// is larger than `out`.
  Result<HttpIntoResponse> FetchInto(const HttpCall& call,
                                     std::span<std::byte> out);

  /// Gives the body of a 2xx answer to `on_chunk` piece by piece as it comes,
  /// until its end (ok) or until `on_chunk` returns false (kCancelled).
  /// @return status, headers, and the body if the status is not 2xx.
  Result<HttpResponse> FetchStream(
      const HttpCall& call,
      const std::function<bool(std::string_view)>& on_chunk);

  /// Ends calls that wait or run with kCancelled, and refuses new ones.
  void RequestStop();

 private:
  class Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace datashim::net
