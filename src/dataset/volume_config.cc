#include "dataset/volume_config.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "dataset/location.h"

namespace datashim::dataset {
namespace {

constexpr std::size_t kValueBytesMax = 4096;
constexpr std::size_t kCaBundleBytesMax = 256 * 1024;

// The value of an optional key, "" if it is absent.
Result<std::string> Text(const SecretData& data, std::string_view key,
                         std::size_t bytes_max = kValueBytesMax) {
  const auto found = data.find(key);
  if (found == data.end()) return std::string();
  const std::string& value = found->second.Reveal();
  if (value.size() > bytes_max) {
    return Error{ErrorCode::kInvalidArgument,
                 std::string(key) + ": is longer than " +
                     std::to_string(bytes_max) + " bytes"};
  }
  return value;
}

Result<bool> Bool(const SecretData& data, std::string_view key,
                  bool if_absent) {
  DS_ASSIGN_OR_RETURN(const std::string text, Text(data, key));
  if (text.empty()) return if_absent;
  const std::optional<bool> value = ParseBool(text);
  if (!value) {
    return Error{ErrorCode::kInvalidArgument,
                 std::string(key) + ": must be true or false"};
  }
  return *value;
}

Result<SecretString> Key(const SecretData& data, std::string_view key,
                         bool required) {
  const auto found = data.find(key);
  if (found == data.end()) {
    if (!required) return SecretString();
    return Error{ErrorCode::kInvalidArgument,
                 std::string(key) +
                     ": is missing; for anonymous access let it be empty"};
  }
  Result<SecretString> value = ParseKey(found->second);
  if (!value.ok()) return value.error().Wrap(key);
  return value;
}

Status ReadPlace(const SecretData& data, VolumeConfig& config) {
  DS_ASSIGN_OR_RETURN(const std::string endpoint, Text(data, "endpoint"));
  if (!endpoint.empty()) {
    Result<std::string> parsed = ParseEndpoint(endpoint);
    if (!parsed.ok()) return parsed.error().Wrap("endpoint");
    config.endpoint = *std::move(parsed);
  }
  DS_ASSIGN_OR_RETURN(config.bucket, Text(data, "bucket"));
  if (config.bucket.empty()) {
    return Error{ErrorCode::kInvalidArgument, "bucket: is missing"};
  }
  if (Status bucket = CheckBucket(config.bucket); !bucket.ok()) {
    return bucket.error().Wrap("bucket");
  }
  DS_ASSIGN_OR_RETURN(const std::string folder, Text(data, "folder"));
  Result<std::string> prefix = ParsePrefix(folder);
  if (!prefix.ok()) return prefix.error().Wrap("folder");
  config.prefix = *std::move(prefix);
  DS_ASSIGN_OR_RETURN(config.region, Text(data, "region"));
  if (Status region = CheckRegion(config.region); !region.ok()) {
    return region.error().Wrap("region");
  }
  return OkStatus();
}

SecretString BoolText(bool value) {
  return SecretString(value ? "true" : "false");
}

}  // namespace

std::string VolumeConfig::LocationId() const {
  std::string place;
  for (const std::string* part : {&endpoint, &bucket, &prefix, &region}) {
    place += *part;
    place += '\0';  // In no part: checked where they are parsed.
  }
  // Tells places of one volume apart; nobody gains by a collision but its own
  // author.
  const XXH64_hash_t hash = XXH64(place.data(), place.size(), 0);
  XXH64_canonical_t canonical;
  XXH64_canonicalFromHash(&canonical, hash);
  std::string bytes;
  for (const unsigned char byte : canonical.digest) {
    bytes += static_cast<char>(byte);
  }
  return HexEncode(bytes);
}

SecretData VolumeConfig::ToSecretData() const {
  std::string folder = prefix;
  if (!folder.empty()) folder.pop_back();
  SecretData data;
  data["endpoint"] = SecretString(endpoint);
  data["bucket"] = SecretString(bucket);
  data["folder"] = SecretString(std::move(folder));
  data["region"] = SecretString(region);
  data["readonly"] = BoolText(read_only);
  data["pathStyle"] = BoolText(path_style);
  data["caBundle"] = SecretString(ca_bundle_pem);
  data["insecureSkipTLSVerify"] = BoolText(insecure_skip_tls_verify);
  data["accessKeyID"] = access_key_id;
  data["secretAccessKey"] = secret_access_key;
  data["sessionToken"] = session_token;
  return data;
}

Result<VolumeConfig> VolumeConfig::FromSecretData(const SecretData& data) {
  VolumeConfig config;
  DS_RETURN_IF_ERROR(ReadPlace(data, config));
  DS_ASSIGN_OR_RETURN(config.read_only, Bool(data, "readonly", false));
  DS_ASSIGN_OR_RETURN(config.path_style, Bool(data, "pathStyle", true));
  DS_ASSIGN_OR_RETURN(config.ca_bundle_pem,
                      Text(data, "caBundle", kCaBundleBytesMax));
  DS_ASSIGN_OR_RETURN(config.insecure_skip_tls_verify,
                      Bool(data, "insecureSkipTLSVerify", false));
  DS_ASSIGN_OR_RETURN(config.access_key_id, Key(data, "accessKeyID", true));
  DS_ASSIGN_OR_RETURN(config.secret_access_key,
                      Key(data, "secretAccessKey", true));
  DS_RETURN_IF_ERROR(
      CheckKeyPair(config.access_key_id, config.secret_access_key));
  DS_ASSIGN_OR_RETURN(config.session_token, Key(data, "sessionToken", false));
  return config;
}

}  // namespace datashim::dataset
