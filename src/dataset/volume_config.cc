#include "dataset/volume_config.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/strings.h"
#include "dataset/identity.h"
#include "dataset/keys.h"
#include "dataset/location.h"
#include "dataset/volume_options.h"

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

/// `out` = parse(value), unless the key is absent or empty.
template <typename Parse, typename T>
Status ReadOptional(const SecretData& data, std::string_view key, Parse parse,
                    T& out) {
  DS_ASSIGN_OR_RETURN(const std::string text, Text(data, key));
  if (text.empty()) return OkStatus();
  auto parsed = parse(text);
  if (!parsed.ok()) return parsed.error().Wrap(key);
  out = *std::move(parsed);
  return OkStatus();
}

Status ReadFiles(const SecretData& data, FileOptions& files) {
  DS_RETURN_IF_ERROR(ReadOptional(data, "uid", ParseId, files.uid));
  DS_RETURN_IF_ERROR(ReadOptional(data, "gid", ParseId, files.gid));
  DS_RETURN_IF_ERROR(
      ReadOptional(data, "fileMode", ParseMode, files.file_mode));
  DS_RETURN_IF_ERROR(
      ReadOptional(data, "dirMode", ParseMode, files.directory_mode));
  return ReadOptional(data, "metadataTTL", ParseTtl, files.metadata_ttl);
}

/// The key, if it has a value that `check` takes.
template <typename Check>
Status ReadChecked(const SecretData& data, std::string_view key, Check check,
                   std::string& out) {
  return ReadOptional(
      data, key,
      [&](const std::string& text) -> Result<std::string> {
        if (Status status = check(text); !status.ok()) return status.error();
        return text;
      },
      out);
}

Status ReadIdentity(const SecretData& data, VolumeConfig& config) {
  DS_RETURN_IF_ERROR(ReadOptional(data, "auth", ParseAuth, config.auth));
  DS_RETURN_IF_ERROR(
      ReadChecked(data, "role-arn", CheckRoleArn, config.role_arn));
  DS_RETURN_IF_ERROR(
      ReadChecked(data, "external-id", CheckExternalId, config.external_id));
  DS_RETURN_IF_ERROR(
      ReadOptional(data, "sts-endpoint", ParseEndpoint, config.sts_endpoint));
  DS_RETURN_IF_ERROR(ReadKeys(data, config));
  return CheckIdentity(config);
}

void AddIdentity(const VolumeConfig& config, SecretData& data) {
  const auto add = [&](const char* key, const SecretString& value) {
    if (!value.empty()) data[key] = value;
  };
  if (config.auth != Auth::kKeys) {
    add("auth", SecretString(std::string(AuthText(config.auth))));
  }
  add("role-arn", SecretString(config.role_arn));
  add("external-id", SecretString(config.external_id));
  add("sts-endpoint", SecretString(config.sts_endpoint));
  add("iam-api-key", config.iam_api_key);
  add("iam-endpoint", SecretString(config.iam_endpoint));
  add("service-instance-id", SecretString(config.service_instance_id));
}

SecretString BoolText(bool value) {
  return SecretString(value ? "true" : "false");
}

std::string ModeText(std::uint32_t mode) {
  std::string text = "0";
  for (int shift = 6; shift >= 0; shift -= 3) {
    text += static_cast<char>('0' + ((mode >> shift) & 7));
  }
  return text;
}

/// Everything but the place that makes a mount another one.
SecretData LookOf(const VolumeConfig& config) {
  SecretData look;
  look["pathStyle"] = BoolText(config.path_style);
  look["caBundle"] = SecretString(config.ca_bundle_pem);
  look["insecureSkipTLSVerify"] = BoolText(config.insecure_skip_tls_verify);
  look["uid"] = SecretString(std::to_string(config.files.uid));
  look["gid"] = SecretString(std::to_string(config.files.gid));
  look["fileMode"] = SecretString(ModeText(config.files.file_mode));
  look["dirMode"] = SecretString(ModeText(config.files.directory_mode));
  look["metadataTTL"] =
      SecretString(std::to_string(config.files.metadata_ttl.count()));
  return look;
}

}  // namespace

std::string VolumeConfig::LocationId() const {
  std::string place;
  for (const std::string* part : {&endpoint, &bucket, &prefix, &region}) {
    place += *part;
    place += '\0';  // In no part: checked where they are parsed.
  }
  // What is not the default only, so that new options do not move old mounts.
  static const SecretData kDefaultLook = LookOf(VolumeConfig());
  for (const auto& [key, value] : LookOf(*this)) {
    if (value == kDefaultLook.at(key)) continue;
    place += key + '=' + value.Reveal();
    place += '\0';
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
  SecretData data = LookOf(*this);
  data["endpoint"] = SecretString(endpoint);
  data["bucket"] = SecretString(bucket);
  data["folder"] = SecretString(std::move(folder));
  data["region"] = SecretString(region);
  data["readonly"] = BoolText(read_only);
  data["accessKeyID"] = access_key_id;
  data["secretAccessKey"] = secret_access_key;
  data["sessionToken"] = session_token;
  AddIdentity(*this, data);
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
  DS_RETURN_IF_ERROR(ReadFiles(data, config.files));
  DS_RETURN_IF_ERROR(ReadIdentity(data, config));
  return config;
}

}  // namespace datashim::dataset
