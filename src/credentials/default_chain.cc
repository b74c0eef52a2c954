#include "credentials/default_chain.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "credentials/answers.h"
#include "credentials/container.h"
#include "credentials/instance_metadata.h"
#include "credentials/refreshing_credentials.h"
#include "credentials/sts.h"
#include "sys/small_file.h"

namespace datashim::credentials {
namespace {

using Provider = std::shared_ptr<s3::CredentialProvider>;
using Start = CredentialPlan::Start;

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20;

std::string FirstOf(const Environment& environment,
                    std::initializer_list<const char*> names) {
  for (const char* const name : names) {
    std::string value = environment.variable(name);
    if (!value.empty()) return value;
  }
  return {};
}

/// The file that the variable names, else the one in ~/.aws; "" if there is
/// none.
Result<std::string> ReadAwsFile(const Environment& environment,
                                const char* variable, const char* name) {
  std::string path = environment.variable(variable);
  if (path.empty()) path = environment.variable("HOME") + "/.aws/" + name;
  auto text = environment.read_file(path);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) {
    return std::string();
  }
  return text;
}

/// nullopt: there is no such profile, and nobody asked for one.
Result<std::optional<CredentialPlan>> PlanProfile(
    const Environment& environment) {
  DS_ASSIGN_OR_RETURN(const std::string config,
                      ReadAwsFile(environment, "AWS_CONFIG_FILE", "config"));
  DS_ASSIGN_OR_RETURN(
      const SecretString credentials, [&]() -> Result<SecretString> {
        DS_ASSIGN_OR_RETURN(
            std::string text,
            ReadAwsFile(environment, "AWS_SHARED_CREDENTIALS_FILE",
                        "credentials"));
        return SecretString(std::move(text));
      }());
  DS_ASSIGN_OR_RETURN(const Profiles profiles,
                      ParseProfiles(config, credentials.Reveal()));
  const std::string asked = environment.variable("AWS_PROFILE");
  if (!asked.empty()) {
    DS_ASSIGN_OR_RETURN(CredentialPlan plan, FollowProfile(profiles, asked));
    return std::optional(std::move(plan));
  }
  const auto found = profiles.find("default");
  // One that only says a region is no way to credentials.
  const auto says = [&](const char* setting) {
    return found->second.contains(setting);
  };
  if (found == profiles.end() ||
      !(says("aws_access_key_id") || says("role_arn") || says("sso_session") ||
        says("sso_start_url") || says("credential_process"))) {
    return std::optional<CredentialPlan>();
  }
  DS_ASSIGN_OR_RETURN(CredentialPlan plan, FollowProfile(profiles, "default"));
  return std::optional(std::move(plan));
}

TokenReader TokenOf(const Environment& environment, std::string path) {
  return [read = environment.read_file,
          path = std::move(path)]() -> Result<SecretString> {
    auto text = read(path);
    if (!text.ok()) return text.error().Wrap("token file");
    const SecretString whole(std::move(text).value());
    auto token = ParseToken(whole.Reveal());
    if (!token.ok()) {
      return Error{ErrorCode::kUnauthenticated,
                   "token file \"" + path + "\" holds no token"};
    }
    return token;
  };
}

Provider Static(s3::Credentials keys) {
  return std::make_shared<s3::UpdatableCredentials>(std::move(keys));
}

Result<Provider> Refreshed(Result<std::unique_ptr<CredentialSource>> source,
                           Clock& clock) {
  if (!source.ok()) return std::move(source).error();
  return Provider(std::make_shared<RefreshingCredentials>(
      std::move(source).value(), clock));
}

s3::Credentials KeysOf(const Environment& environment) {
  return {SecretString(environment.variable("AWS_ACCESS_KEY_ID")),
          SecretString(environment.variable("AWS_SECRET_ACCESS_KEY")),
          SecretString(environment.variable("AWS_SESSION_TOKEN"))};
}

Result<Provider> MakeContainer(const Environment& environment, Clock& clock) {
  std::string url = environment.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  const std::string relative =
      environment.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  if (!relative.empty()) url = kEcsAgentUrl + relative;
  if (url.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "AWS_CONTAINER_CREDENTIALS_FULL_URI is not set"};
  }
  TokenReader token;
  const std::string file =
      environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (!file.empty()) {
    token = TokenOf(environment, file);
  } else if (const SecretString value(
                 environment.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
             !value.empty()) {
    token = [value]() -> Result<SecretString> { return value; };
  }
  return Refreshed(MakeContainerCredentials(url, std::move(token), clock),
                   clock);
}

Result<Provider> MakeStart(const CredentialPlan& plan,
                           const Environment& environment, Clock& clock) {
  switch (plan.start) {
    case Start::kKeys:
      return Static(plan.keys);
    case Start::kEnvironment:
      return Static(KeysOf(environment));
    case Start::kContainer:
      return MakeContainer(environment, clock);
    case Start::kWebIdentity:  // Is the first role.
    case Start::kInstance:
      break;
  }
  std::string url = environment.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (url.empty()) url = kInstanceMetadataUrl;
  return Refreshed(MakeInstanceCredentials(url, clock), clock);
}

}  // namespace

Environment ProcessEnvironment() {
  return {[](const char* name) {
            const char* const value = std::getenv(name);
            return std::string(value != nullptr ? value : "");
          },
          [](const std::string& path) {
            return sys::ReadFile(path, kFileBytesMax);
          }};
}

Result<CredentialPlan> PlanCredentials(const Environment& environment) {
  const std::string region =
      FirstOf(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"});
  if (!environment.variable("AWS_ACCESS_KEY_ID").empty() &&
      !environment.variable("AWS_SECRET_ACCESS_KEY").empty()) {
    return CredentialPlan{.start = Start::kEnvironment, .region = region};
  }
  const std::string role = environment.variable("AWS_ROLE_ARN");
  std::string token_file = environment.variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  if (!role.empty() && !token_file.empty()) {
    return CredentialPlan{.start = Start::kWebIdentity,
                          .token_file = std::move(token_file),
                          .roles = {{.arn = role,
                                     .external_id = "",
                                     .session_name = environment.variable(
                                         "AWS_ROLE_SESSION_NAME"),
                                     .duration = {}}},
                          .region = region};
  }
  DS_ASSIGN_OR_RETURN(auto by_profile, PlanProfile(environment));
  if (by_profile) {
    if (!region.empty()) by_profile->region = region;
    return *std::move(by_profile);
  }
  if (!FirstOf(environment, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                             "AWS_CONTAINER_CREDENTIALS_FULL_URI"})
           .empty()) {
    return CredentialPlan{.start = Start::kContainer, .region = region};
  }
  if (EqualsIgnoreCase(environment.variable("AWS_EC2_METADATA_DISABLED"),
                       "true")) {
    return Error{ErrorCode::kUnauthenticated,
                 "neither environment nor ~/.aws have any"};
  }
  return CredentialPlan{.start = Start::kInstance, .region = region};
}

Result<Provider> MakeCredentials(const CredentialPlan& plan,
                                 const Environment& environment, Clock& clock) {
  Provider provider;
  auto role = plan.roles.begin();
  const auto options_of = [&](const Role& assumed) {
    return RoleOptions{.endpoint = environment.variable("AWS_ENDPOINT_URL_STS"),
                       .region = plan.region,
                       .role_arn = assumed.arn,
                       .external_id = assumed.external_id,
                       .session_name = SessionName(assumed.session_name.empty()
                                                       ? "datashim"
                                                       : assumed.session_name),
                       .duration = assumed.duration};
  };
  if (plan.start == Start::kWebIdentity && role != plan.roles.end()) {
    DS_ASSIGN_OR_RETURN(
        provider,
        Refreshed(MakeWebIdentity(options_of(*role),
                                  TokenOf(environment, plan.token_file), clock),
                  clock));
    ++role;
  } else {
    DS_ASSIGN_OR_RETURN(provider, MakeStart(plan, environment, clock));
  }
  for (; role != plan.roles.end(); ++role) {
    DS_ASSIGN_OR_RETURN(
        provider,
        Refreshed(MakeAssumeRole(options_of(*role), provider, clock), clock));
  }
  return provider;
}

}  // namespace datashim::credentials
