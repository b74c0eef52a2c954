#include "credentials/container.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "credentials/answers.h"
#include "credentials/credential_endpoint.h"

namespace datashim::credentials {
namespace {

// The agents are on this machine.
constexpr Duration kConnectTimeout = std::chrono::seconds(2);
// ECS, and EKS with both protocols ("Container credential provider", AWS SDKs
// and Tools Reference Guide).
constexpr std::string_view kAgents[] = {"169.254.170.2", "169.254.170.23",
                                        "fd00:ec2::23"};

bool IsLoopback(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  // An address and not a name such as 127.0.0.1.example.com.
  const auto parts = Split(host, '.');
  return parts.size() == 4 && parts[0] == "127" &&
         std::ranges::all_of(parts, [](std::string_view part) {
           return ParseInt(part, 0, 255).has_value();
         });
}

Error FailureOf(const EndpointReply& reply) {
  const auto said = ParseJsonError(reply.body.Reveal());
  const std::string what =
      said ? said->code : "HTTP " + std::to_string(reply.status);
  if (reply.status >= 500 || reply.status == 429) {
    return {ErrorCode::kUnavailable, what};
  }
  return {ErrorCode::kUnauthenticated,
          what + "; check the role that belongs to this identity"};
}

class ContainerCredentials final : public CredentialSource {
 public:
  ContainerCredentials(std::unique_ptr<CredentialEndpoint> endpoint,
                       std::string target, TokenReader token, Clock& clock)
      : endpoint_(std::move(endpoint)),
        target_(std::move(target)),
        token_(std::move(token)),
        clock_(clock),
        name_("container credentials at " + endpoint_->origin()) {}

  const std::string& name() const override { return name_; }

  Result<FetchedCredentials> Fetch(Deadline deadline) override {
    EndpointRequest request{.target = target_};
    if (token_) {
      DS_ASSIGN_OR_RETURN(const SecretString token, token_());
      request.headers.Add("Authorization", token.Reveal());
    }
    request.headers.Add("Accept", "application/json");
    DS_ASSIGN_OR_RETURN(const EndpointReply reply,
                        endpoint_->Send(request, deadline));
    if (reply.status != 200) return FailureOf(reply);
    DS_ASSIGN_OR_RETURN(TimedCredentials timed,
                        ParseKeysDocument(reply.body.Reveal()));
    return WithLifetime(std::move(timed), reply, clock_.WallNow());
  }

  void RequestStop() override { endpoint_->RequestStop(); }

 private:
  const std::unique_ptr<CredentialEndpoint> endpoint_;
  const std::string target_;
  const TokenReader token_;
  Clock& clock_;
  const std::string name_;
};

}  // namespace

Status CheckContainerUrl(const net::Url& url) {
  const std::string& host = url.origin.host;
  if (url.origin.tls || IsLoopback(host) ||
      std::ranges::find(kAgents, host) != std::end(kAgents)) {
    return OkStatus();
  }
  return Error{ErrorCode::kInvalidArgument,
               "container credentials at " + url.origin.ToString() +
                   ": over http, only this machine and the agents of ECS and "
                   "EKS are asked; use https"};
}

Result<std::unique_ptr<CredentialSource>> MakeContainerCredentials(
    const std::string& url, TokenReader token, Clock& clock) {
  auto parsed = net::ParseUrl(url);
  if (!parsed.ok()) return parsed.error().Wrap("container credentials");
  DS_RETURN_IF_ERROR(CheckContainerUrl(*parsed));
  DS_ASSIGN_OR_RETURN(
      auto endpoint,
      CredentialEndpoint::Make(parsed->origin.ToString(), {}, kConnectTimeout));
  return std::unique_ptr<CredentialSource>(
      std::make_unique<ContainerCredentials>(
          std::move(endpoint), parsed->Target(), std::move(token), clock));
}

}  // namespace datashim::credentials
