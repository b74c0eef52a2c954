#include "dataset/identity.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "dataset/characters.h"

namespace datashim::dataset {
namespace {

constexpr std::pair<std::string_view, Auth> kAuths[] = {
    {"keys", Auth::kKeys},
    {"web-identity", Auth::kWebIdentity},
    {"pod-identity", Auth::kPodIdentity}};
constexpr std::size_t kArnBytesMax = 2048;
constexpr std::size_t kExternalIdBytesMin = 2;
constexpr std::size_t kExternalIdBytesMax = 1224;

Error Invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

// "us-east-1": what is no region, such as s3, can be somebody's server there.
bool IsAwsRegion(std::string_view text) {
  return ConsistsOf(text, "-") && text.size() > 3 && text.back() >= '0' &&
         text.back() <= '9' && text[text.size() - 2] == '-';
}

bool IsAwsSts(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme)) return false;
  std::string_view host = url.substr(kScheme.size());
  for (const std::string_view domain :
       {".amazonaws.com", ".amazonaws.com.cn"}) {
    if (!host.ends_with(domain)) continue;
    std::string_view service = host.substr(0, host.size() - domain.size());
    const std::size_t dot = service.find('.');
    const std::string_view name = service.substr(0, dot);
    return (name == "sts" || name == "sts-fips") &&
           (dot == std::string_view::npos ||
            IsAwsRegion(service.substr(dot + 1)));
  }
  return false;
}

bool HasKeys(const VolumeConfig& config) {
  return !config.access_key_id.empty() || !config.session_token.empty() ||
         !config.iam_api_key.empty();
}

Status CheckPodsIdentity(const VolumeConfig& config) {
  if (HasKeys(config)) {
    return Invalid("auth: is " + std::string(AuthText(config.auth)) +
                   ", but there are keys as well; leave out one of the two");
  }
  if (!config.external_id.empty()) {
    return Invalid("external-id: goes with keys only");
  }
  if (config.auth == Auth::kPodIdentity) {
    if (!config.role_arn.empty() || !config.sts_endpoint.empty()) {
      return Invalid(
          "role-arn: with pod-identity, the role is the one that EKS has for "
          "the ServiceAccount; leave out role-arn and sts-endpoint");
    }
    return OkStatus();
  }
  // MinIO takes the role from the token.
  if (config.role_arn.empty() && config.sts_endpoint.empty()) {
    return Invalid(
        "role-arn: is missing; web-identity needs the role to assume");
  }
  return OkStatus();
}

}  // namespace

Result<Auth> ParseAuth(std::string_view text) {
  for (const auto& [name, auth] : kAuths) {
    if (text == name) return auth;
  }
  return Invalid("must be keys, web-identity or pod-identity");
}

std::string_view AuthText(Auth auth) {
  for (const auto& [name, known] : kAuths) {
    if (known == auth) return name;
  }
  return "";
}

Status CheckRoleArn(std::string_view arn) {
  if (arn.size() <= kArnBytesMax && arn.starts_with("arn:") &&
      ConsistsOf(arn, "+=,.@:/-_")) {
    return OkStatus();
  }
  return Invalid("must be the ARN of a role, such as arn:aws:iam::1:role/name");
}

Status CheckExternalId(std::string_view id) {
  if (id.size() >= kExternalIdBytesMin && id.size() <= kExternalIdBytesMax &&
      ConsistsOf(id, "+=,.@:/-_")) {
    return OkStatus();
  }
  return Invalid("must have 2 to 1224 letters, digits and +=,.@:/-_");
}

Status CheckIdentity(const VolumeConfig& config) {
  if (config.auth != Auth::kKeys) return CheckPodsIdentity(config);
  if (config.role_arn.empty()) {
    if (!config.external_id.empty()) {
      return Invalid("external-id: goes with role-arn only");
    }
    if (!config.sts_endpoint.empty()) {
      return Invalid("sts-endpoint: goes with role-arn or web-identity only");
    }
  } else if (!config.iam_api_key.empty()) {
    return Invalid("role-arn: does not go with iam-api-key");
  }
  return OkStatus();
}

bool IsIbmStore(std::string_view endpoint) {
  return endpoint.starts_with("https://") &&
         endpoint.ends_with(".cloud-object-storage.appdomain.cloud");
}

Status CheckStsEndpoint(std::string_view url,
                        std::span<const std::string> allowed) {
  if (IsAwsSts(url) || std::ranges::find(allowed, url) != allowed.end()) {
    return OkStatus();
  }
  return Error{ErrorCode::kPermissionDenied,
               "tokens of pods may not be sent to " + std::string(url) +
                   "; the cluster's administrator can add it to the chart's "
                   "value iam.stsEndpoints"};
}

}  // namespace datashim::dataset
