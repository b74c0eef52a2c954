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

}  // namespace

Status ReadKeys(const SecretData& data, VolumeConfig& config) {
  DS_RETURN_IF_ERROR(Read(data, {"accessKeyID", "AWS_ACCESS_KEY_ID"}, true,
                          config.access_key_id));
  DS_RETURN_IF_ERROR(Read(data, {"secretAccessKey", "AWS_SECRET_ACCESS_KEY"},
                          true, config.secret_access_key));
  DS_RETURN_IF_ERROR(Read(data, {"sessionToken", "AWS_SESSION_TOKEN"}, false,
                          config.session_token));
  return CheckKeyPair(config.access_key_id, config.secret_access_key);
}

}  // namespace datashim::dataset
