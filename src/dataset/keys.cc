#include "dataset/keys.h"

#include <string>
#include <string_view>

#include "dataset/location.h"

namespace datashim::dataset {
namespace {

struct Name {
  std::string_view upstream;
  std::string_view aws;
};

constexpr Name kAccessKeyId = {"accessKeyID", "AWS_ACCESS_KEY_ID"};

/// null if it is there under neither name.
const SecretString* Find(const SecretData& data, const Name& name) {
  for (const std::string_view key : {name.upstream, name.aws}) {
    const auto found = data.find(key);
    if (found != data.end()) return &found->second;
  }
  return nullptr;
}

Status Read(const SecretData& data, const Name& name, bool required,
            SecretString& out) {
  const SecretString* text = Find(data, name);
  if (text == nullptr) {
    if (!required) return OkStatus();
    return Error{ErrorCode::kInvalidArgument,
                 std::string(name.upstream) + ": is missing (" +
                     std::string(name.aws) +
                     " will do as well); for anonymous access let both keys "
                     "be empty"};
  }
  Result<SecretString> parsed = ParseKey(*text);
  if (!parsed.ok()) return parsed.error().Wrap(name.upstream);
  out = *std::move(parsed);
  return OkStatus();
}

/// The value of a key that is no secret; "" if it is absent.
Result<std::string> Text(const SecretData& data, std::string_view key) {
  const auto found = data.find(key);
  if (found == data.end()) return std::string();
  auto text = ParseKey(found->second);
  if (!text.ok()) return text.error().Wrap(key);
  return text->Reveal();
}

Status ReadApiKey(const SecretData& data, VolumeConfig& config) {
  for (const std::string_view key : {"accessKeyID", "AWS_ACCESS_KEY_ID"}) {
    const auto found = data.find(key);
    if (found != data.end() && !found->second.empty()) {
      return Error{ErrorCode::kInvalidArgument,
                   "iam-api-key: is there together with " + std::string(key) +
                       "; leave out one of the two"};
    }
  }
  DS_RETURN_IF_ERROR(
      Read(data, {"iam-api-key", "iam-api-key"}, true, config.iam_api_key));
  DS_ASSIGN_OR_RETURN(config.service_instance_id,
                      Text(data, "service-instance-id"));
  DS_ASSIGN_OR_RETURN(const std::string endpoint, Text(data, "iam-endpoint"));
  if (endpoint.empty()) return OkStatus();
  auto parsed = ParseEndpoint(endpoint);
  if (!parsed.ok()) return parsed.error().Wrap("iam-endpoint");
  if (!parsed->starts_with("https://")) {
    return Error{ErrorCode::kInvalidArgument,
                 "iam-endpoint: must start with https://"};
  }
  config.iam_endpoint = *std::move(parsed);
  return OkStatus();
}

}  // namespace

Status ReadKeys(const SecretData& data, VolumeConfig& config) {
  const auto api_key = data.find("iam-api-key");
  if (api_key != data.end() && !api_key->second.empty()) {
    return ReadApiKey(data, config);
  }
  if (config.IsOpenedByPods() && Find(data, kAccessKeyId) == nullptr) {
    return OkStatus();
  }
  DS_RETURN_IF_ERROR(Read(data, kAccessKeyId, true, config.access_key_id));
  DS_RETURN_IF_ERROR(Read(data, {"secretAccessKey", "AWS_SECRET_ACCESS_KEY"},
                          true, config.secret_access_key));
  DS_RETURN_IF_ERROR(Read(data, {"sessionToken", "AWS_SESSION_TOKEN"}, false,
                          config.session_token));
  return CheckKeyPair(config.access_key_id, config.secret_access_key);
}

}  // namespace datashim::dataset
