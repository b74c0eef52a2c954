// CredentialEndpoint: one server that is asked for credentials over HTTP.
// Internal to credentials.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "credentials/answers.h"
#include "credentials/source.h"
#include "net/http_client.h"
#include "net/tls_options.h"
#include "net/url.h"

namespace datashim::credentials {

/// What is sent. Target and headers may hold secrets, as the body may.
struct EndpointRequest {
  std::string method = "GET";
  std::string target;
  net::HttpHeaders headers = {};
  SecretString body = {};
};

/// What came, of any status.
struct EndpointReply {
  int status = 0;
  SecretString body;
  /// The server's time; nullopt: it does not say.
  std::optional<WallTime> date;
};

/// Thread-safe.
class CredentialEndpoint {
 public:
  /// Opens no connection. @return kInvalidArgument if the URL has a query, or
  ///     it or a PEM text does not parse.
  static Result<std::unique_ptr<CredentialEndpoint>> Make(
      std::string_view url, const net::TlsOptions& tls = {},
      Duration connect_timeout = std::chrono::seconds(5));

  /// "https://sts.amazonaws.com"; for messages.
  const std::string& origin() const { return origin_text_; }
  const net::Url& url() const { return url_; }

  /// One request. Errors as of HttpClient.
  Result<EndpointReply> Send(const EndpointRequest& request, Deadline deadline);
  void RequestStop() { http_->RequestStop(); }

 private:
  CredentialEndpoint(net::Url url, std::unique_ptr<net::HttpClient> http);

  const net::Url url_;
  const std::string origin_text_;
  const std::unique_ptr<net::HttpClient> http_;
};

/// What a reply held and how long it lasts, by the clock of the server if the
/// reply tells it, else by `here`.
/// @return kUnavailable if it has ended.
Result<FetchedCredentials> WithLifetime(TimedCredentials timed,
                                        const EndpointReply& reply,
                                        WallTime here);

}  // namespace datashim::credentials
