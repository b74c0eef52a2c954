#include "credentials/sts.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "credentials/answers.h"
#include "credentials/credential_endpoint.h"
#include "s3/sigv4.h"

namespace datashim::credentials {
namespace {

constexpr char kApiVersion[] = "2011-06-15";
constexpr char kDefaultRegion[] = "us-east-1";
constexpr char kContentType[] = "application/x-www-form-urlencoded";
constexpr std::size_t kSessionNameBytesMax = 64;
// AWS refuses a difference of more than 15 minutes.
constexpr auto kSkewMin = std::chrono::minutes(5);

// Codes that another try may cure. All others are about who asks and for what.
constexpr std::string_view kTransient[] = {
    "Throttling",           "ThrottlingException", "RequestLimitExceeded",
    "ServiceUnavailable",   "InternalFailure",     "InternalError",
    "IDPCommunicationError"};

std::string FormBody(const s3::Parameters& fields) {
  std::string body;
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    if (!body.empty()) body += '&';
    body += name + "=" + UriEncode(value, /*keep_slash=*/false);
  }
  return body;
}

s3::Parameters FieldsOf(const char* action, const RoleOptions& options) {
  return {{"Action", action},
          {"Version", kApiVersion},
          {"RoleArn", options.role_arn},
          {"RoleSessionName", options.session_name},
          {"DurationSeconds", options.duration
                                  ? std::to_string(options.duration->count())
                                  : std::string()}};
}

/// @param show_message the server's own words can hold no secret.
Error FailureOf(const EndpointReply& reply, bool show_message) {
  const auto said = ParseStsError(reply.body.Reveal());
  const bool is_transient =
      reply.status >= 500 || reply.status == 429 ||
      (said &&
       std::ranges::find(kTransient, said->code) != std::end(kTransient));
  std::string message = "HTTP " + std::to_string(reply.status);
  if (said) {
    message = said->code;
    if (show_message && !said->message.empty()) {
      message += ": " + said->message;
    }
  }
  if (is_transient) return {ErrorCode::kUnavailable, std::move(message)};
  return {ErrorCode::kUnauthenticated,
          message + "; check the role, and whom its trust policy lets in"};
}

Result<FetchedCredentials> Accept(const EndpointReply& reply, WallTime here) {
  DS_ASSIGN_OR_RETURN(TimedCredentials timed,
                      ParseStsAnswer(reply.body.Reveal()));
  return WithLifetime(std::move(timed), reply, here);
}

Result<std::unique_ptr<CredentialEndpoint>> EndpointOf(
    const RoleOptions& options) {
  auto endpoint = CredentialEndpoint::Make(options.endpoint.empty()
                                               ? AwsStsEndpoint(options.region)
                                               : options.endpoint,
                                           options.tls);
  if (!endpoint.ok()) return endpoint.error().Wrap("STS endpoint");
  return endpoint;
}

class AssumeRole final : public CredentialSource {
 public:
  AssumeRole(RoleOptions options, std::unique_ptr<CredentialEndpoint> endpoint,
             std::shared_ptr<s3::CredentialProvider> base, Clock& clock)
      : options_(std::move(options)),
        endpoint_(std::move(endpoint)),
        base_(std::move(base)),
        clock_(clock),
        name_("AssumeRole at " + endpoint_->origin()) {}

  const std::string& name() const override { return name_; }

  Result<FetchedCredentials> Fetch(Deadline deadline) override {
    DS_ASSIGN_OR_RETURN(const auto keys, base_->Get(deadline));
    DS_ASSIGN_OR_RETURN(EndpointReply reply, Send(*keys, deadline));
    if (reply.status != 200 && AdjustClock(reply)) {
      DS_ASSIGN_OR_RETURN(reply, Send(*keys, deadline));
    }
    if (reply.status == 200) return Accept(reply, clock_.WallNow());
    Error error = FailureOf(reply, keys->session_token.empty());
    if (error.code == ErrorCode::kUnauthenticated) base_->Renew(*keys);
    return error;
  }

  void RequestStop() override { endpoint_->RequestStop(); }

 private:
  Result<EndpointReply> Send(const s3::Credentials& keys, Deadline deadline) {
    s3::Parameters fields = FieldsOf("AssumeRole", options_);
    fields.emplace_back("ExternalId", options_.external_id);
    EndpointRequest request{.method = "POST",
                            .target = endpoint_->url().path,
                            .headers = {},
                            .body = SecretString(FormBody(fields))};
    s3::Parameters headers = {
        {"Content-Type", kContentType},
        {"X-Amz-Date", s3::AmzDate(clock_.WallNow() + clock_offset_)}};
    if (!keys.session_token.empty()) {
      headers.emplace_back("X-Amz-Security-Token", keys.session_token.Reveal());
    }
    for (const auto& [name, value] : headers) request.headers.Add(name, value);
    const std::string date = headers[1].second;
    headers.emplace_back("Host", endpoint_->url().origin.HostHeader());
    const std::string hash = s3::Sha256Hex(request.body.Reveal());
    request.headers.Add(
        "Authorization",
        signer_.Authorize(
            {"POST", request.target, "", headers, hash}, keys,
            options_.region.empty() ? kDefaultRegion : options_.region, date));
    return endpoint_->Send(request, deadline);
  }

  // @return true if the server's clock is another one than was signed with.
  bool AdjustClock(const EndpointReply& reply) {
    if (!reply.date) return false;
    const auto offset = std::chrono::duration_cast<std::chrono::seconds>(
        *reply.date - clock_.WallNow());
    if (std::chrono::abs(offset - clock_offset_) < kSkewMin) return false;
    clock_offset_ = offset;
    return true;
  }

  const RoleOptions options_;
  const std::unique_ptr<CredentialEndpoint> endpoint_;
  const std::shared_ptr<s3::CredentialProvider> base_;
  Clock& clock_;
  const std::string name_;
  s3::SigV4Signer signer_{"sts"};
  std::chrono::seconds clock_offset_{0};  // The server's clock minus ours.
};

class WebIdentity final : public CredentialSource {
 public:
  WebIdentity(RoleOptions options, std::unique_ptr<CredentialEndpoint> endpoint,
              TokenReader token, Clock& clock)
      : options_(std::move(options)),
        endpoint_(std::move(endpoint)),
        token_(std::move(token)),
        clock_(clock),
        name_("AssumeRoleWithWebIdentity at " + endpoint_->origin()) {}

  const std::string& name() const override { return name_; }

  Result<FetchedCredentials> Fetch(Deadline deadline) override {
    DS_ASSIGN_OR_RETURN(const SecretString token, token_());
    s3::Parameters fields = FieldsOf("AssumeRoleWithWebIdentity", options_);
    fields.emplace_back("WebIdentityToken", token.Reveal());
    const EndpointRequest request{.method = "POST",
                                  .target = endpoint_->url().path,
                                  .headers = {{"Content-Type", kContentType}},
                                  .body = SecretString(FormBody(fields))};
    DS_ASSIGN_OR_RETURN(const EndpointReply reply,
                        endpoint_->Send(request, deadline));
    if (reply.status == 200) return Accept(reply, clock_.WallNow());
    return FailureOf(reply, /*show_message=*/false);
  }

  void RequestStop() override { endpoint_->RequestStop(); }

 private:
  const RoleOptions options_;
  const std::unique_ptr<CredentialEndpoint> endpoint_;
  const TokenReader token_;
  Clock& clock_;
  const std::string name_;
};

}  // namespace

std::string AwsStsEndpoint(std::string_view region) {
  if (region.empty()) return "https://sts.amazonaws.com";
  std::string url = "https://sts." + std::string(region) + ".amazonaws.com";
  if (region.starts_with("cn-")) url += ".cn";
  return url;
}

std::string SessionName(std::string_view text) {
  std::string name(text.substr(0, kSessionNameBytesMax));
  std::ranges::replace_if(
      name,
      [](char c) {
        const bool allowed =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') ||
            std::string_view("_+=,.@-").find(c) != std::string_view::npos;
        return !allowed;
      },
      '-');
  while (name.size() < 2) name += '-';
  return name;
}

Result<std::unique_ptr<CredentialSource>> MakeAssumeRole(
    RoleOptions options, std::shared_ptr<s3::CredentialProvider> base,
    Clock& clock) {
  DS_ASSIGN_OR_RETURN(auto endpoint, EndpointOf(options));
  return std::unique_ptr<CredentialSource>(std::make_unique<AssumeRole>(
      std::move(options), std::move(endpoint), std::move(base), clock));
}

Result<std::unique_ptr<CredentialSource>> MakeWebIdentity(RoleOptions options,
                                                          TokenReader token,
                                                          Clock& clock) {
  DS_ASSIGN_OR_RETURN(auto endpoint, EndpointOf(options));
  return std::unique_ptr<CredentialSource>(std::make_unique<WebIdentity>(
      std::move(options), std::move(endpoint), std::move(token), clock));
}

}  // namespace datashim::credentials
