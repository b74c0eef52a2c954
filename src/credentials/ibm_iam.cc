#include "credentials/ibm_iam.h"

#include <utility>

#include "base/strings.h"
#include "credentials/answers.h"
#include "credentials/credential_endpoint.h"

namespace datashim::credentials {
namespace {

constexpr char kGrantType[] = "urn:ibm:params:oauth:grant-type:apikey";

// Only the code: the server was sent the key and might repeat it.
Error FailureOf(const EndpointReply& reply) {
  const auto said = ParseJsonError(reply.body.Reveal());
  const std::string what =
      said ? said->code : "HTTP " + std::to_string(reply.status);
  if (reply.status >= 500 || reply.status == 429 || reply.status == 408) {
    return {ErrorCode::kUnavailable, what};
  }
  return {ErrorCode::kUnauthenticated,
          "the API key is not taken (" + what +
              "); check iam-api-key in the Secret"};
}

class ApiKeyCredentials final : public CredentialSource {
 public:
  ApiKeyCredentials(ApiKeyOptions options,
                    std::unique_ptr<CredentialEndpoint> endpoint)
      : options_(std::move(options)),
        endpoint_(std::move(endpoint)),
        name_("IAM at " + endpoint_->origin()) {}

  const std::string& name() const override { return name_; }

  Result<FetchedCredentials> Fetch(Deadline deadline) override {
    const EndpointRequest request{
        .method = "POST",
        .target = "/identity/token",
        .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                    {"Accept", "application/json"}},
        .body = SecretString(
            "grant_type=" + UriEncode(kGrantType, false) +
            "&apikey=" + UriEncode(options_.api_key.Reveal(), false))};
    DS_ASSIGN_OR_RETURN(const EndpointReply reply,
                        endpoint_->Send(request, deadline));
    if (reply.status != 200) return FailureOf(reply);
    DS_ASSIGN_OR_RETURN(BearerToken bearer,
                        ParseBearerToken(reply.body.Reveal()));
    FetchedCredentials fetched;
    fetched.credentials.bearer_token = std::move(bearer.token);
    fetched.credentials.service_instance_id = options_.service_instance_id;
    fetched.lifetime = bearer.lifetime;
    return fetched;
  }

  void RequestStop() override { endpoint_->RequestStop(); }

 private:
  const ApiKeyOptions options_;
  const std::unique_ptr<CredentialEndpoint> endpoint_;
  const std::string name_;
};

}  // namespace

Result<std::unique_ptr<CredentialSource>> MakeApiKeyCredentials(
    ApiKeyOptions options) {
  auto endpoint = CredentialEndpoint::Make(options.endpoint, options.tls);
  if (!endpoint.ok()) return endpoint.error().Wrap("IAM endpoint");
  if (!(*endpoint)->url().origin.tls) {
    return Error{ErrorCode::kInvalidArgument,
                 "IAM endpoint " + (*endpoint)->origin() +
                     ": an API key is sent over https only"};
  }
  return std::unique_ptr<CredentialSource>(std::make_unique<ApiKeyCredentials>(
      std::move(options), std::move(endpoint).value()));
}

}  // namespace datashim::credentials
