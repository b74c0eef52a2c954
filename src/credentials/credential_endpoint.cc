#include "credentials/credential_endpoint.h"

#include <utility>

#include "s3/http_date.h"

namespace datashim::credentials {
namespace {

constexpr std::size_t kReplyBytesMax = 64u << 10;
constexpr char kUserAgent[] = "datashim/" DATASHIM_VERSION;

}  // namespace

Result<std::unique_ptr<CredentialEndpoint>> CredentialEndpoint::Make(
    std::string_view url, const net::TlsOptions& tls,
    Duration connect_timeout) {
  DS_ASSIGN_OR_RETURN(net::Url parsed, net::ParseUrl(url));
  if (!parsed.query.empty()) {
    return Error{ErrorCode::kInvalidArgument, "URL: it has a query"};
  }
  net::HttpClientOptions options;
  options.tls = tls;
  options.connections_max = 1;
  options.connect_timeout = connect_timeout;
  DS_ASSIGN_OR_RETURN(auto http, net::HttpClient::Make(std::move(options)));
  return std::unique_ptr<CredentialEndpoint>(
      new CredentialEndpoint(std::move(parsed), std::move(http)));
}

CredentialEndpoint::CredentialEndpoint(net::Url url,
                                       std::unique_ptr<net::HttpClient> http)
    : url_(std::move(url)),
      origin_text_(url_.origin.ToString()),
      http_(std::move(http)) {}

Result<EndpointReply> CredentialEndpoint::Send(const EndpointRequest& request,
                                               Deadline deadline) {
  net::HttpCall call;
  call.method = request.method;
  call.origin = url_.origin;
  call.target = request.target;
  call.headers = request.headers;
  call.headers.Add("User-Agent", kUserAgent);
  call.body = request.body.Reveal();
  call.deadline = deadline;
  DS_ASSIGN_OR_RETURN(net::HttpResponse response,
                      http_->Fetch(call, kReplyBytesMax));
  return EndpointReply{response.status, SecretString(std::move(response.body)),
                       s3::ParseHttpDate(response.headers.Get("Date"))};
}

Result<FetchedCredentials> WithLifetime(TimedCredentials timed,
                                        const EndpointReply& reply,
                                        WallTime here) {
  const WallTime now = reply.date.value_or(here);
  if (timed.expires_at > now) {
    return FetchedCredentials{
        std::move(timed.credentials),
        std::chrono::duration_cast<Duration>(timed.expires_at - now)};
  }
  return Error{ErrorCode::kUnavailable,
               "the credentials of the answer have ended already"};
}

}  // namespace datashim::credentials
