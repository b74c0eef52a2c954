#include "credentials/instance_metadata.h"

#include <utility>

#include "credentials/answers.h"
#include "credentials/credential_endpoint.h"

namespace datashim::credentials {
namespace {

// Where there is no such service, nothing answers at its address.
constexpr Duration kConnectTimeout = std::chrono::seconds(1);
// Of the session whose token is asked for; one fetch takes milliseconds.
constexpr char kSessionSeconds[] = "60";
constexpr char kRolesPath[] = "/latest/meta-data/iam/security-credentials/";

class InstanceCredentials final : public CredentialSource {
 public:
  InstanceCredentials(std::unique_ptr<CredentialEndpoint> endpoint,
                      Clock& clock)
      : endpoint_(std::move(endpoint)),
        clock_(clock),
        name_("instance metadata at " + endpoint_->origin()) {}

  const std::string& name() const override { return name_; }

  Result<FetchedCredentials> Fetch(Deadline deadline) override {
    DS_ASSIGN_OR_RETURN(
        const EndpointReply session,
        Ask({.method = "PUT",
             .target = "/latest/api/token",
             .headers = {{"X-aws-ec2-metadata-token-ttl-seconds",
                          kSessionSeconds}}},
            deadline));
    DS_ASSIGN_OR_RETURN(const SecretString token,
                        ParseToken(session.body.Reveal()));
    DS_ASSIGN_OR_RETURN(const EndpointReply roles,
                        Get(kRolesPath, token, deadline));
    DS_ASSIGN_OR_RETURN(const std::string role,
                        ParseRoleName(roles.body.Reveal()));
    DS_ASSIGN_OR_RETURN(const EndpointReply reply,
                        Get(kRolesPath + role, token, deadline));
    DS_ASSIGN_OR_RETURN(TimedCredentials timed,
                        ParseKeysDocument(reply.body.Reveal()));
    return WithLifetime(std::move(timed), reply, clock_.WallNow());
  }

  void RequestStop() override { endpoint_->RequestStop(); }

 private:
  Result<EndpointReply> Get(const std::string& path, const SecretString& token,
                            Deadline deadline) {
    return Ask({.target = path,
                .headers = {{"X-aws-ec2-metadata-token", token.Reveal()}}},
               deadline);
  }

  Result<EndpointReply> Ask(const EndpointRequest& request, Deadline deadline) {
    DS_ASSIGN_OR_RETURN(EndpointReply reply,
                        endpoint_->Send(request, deadline));
    if (reply.status == 200) return reply;
    if (reply.status == 404) {
      return Error{ErrorCode::kUnauthenticated, "the instance has no role"};
    }
    const bool is_transient = reply.status >= 500 || reply.status == 429;
    return Error{
        is_transient ? ErrorCode::kUnavailable : ErrorCode::kUnauthenticated,
        "HTTP " + std::to_string(reply.status)};
  }

  const std::unique_ptr<CredentialEndpoint> endpoint_;
  Clock& clock_;
  const std::string name_;
};

}  // namespace

Result<std::unique_ptr<CredentialSource>> MakeInstanceCredentials(
    const std::string& url, Clock& clock) {
  auto endpoint = CredentialEndpoint::Make(url, {}, kConnectTimeout);
  if (!endpoint.ok()) return endpoint.error().Wrap("instance metadata");
  return std::unique_ptr<CredentialSource>(
      std::make_unique<InstanceCredentials>(std::move(endpoint).value(),
                                            clock));
}

}  // namespace datashim::credentials
