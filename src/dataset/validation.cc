#include "dataset/validation.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "dataset/location.h"
#include "dataset/names.h"
#include "dataset/spell.h"

namespace datashim::dataset {
namespace {

// Kubernetes' limit for names of Secrets and namespaces.
constexpr std::size_t kObjectNameBytesMax = 253;

constexpr std::array<std::string_view, 10> kCosKeys = {
    "type",        "secret-name",     "secret-namespace",
    "accessKeyID", "secretAccessKey", "endpoint",
    "bucket",      "region",          "readonly",
    "provision"};
constexpr std::array<std::string_view, 2> kCosTypes = {"COS", "S3"};
constexpr std::array<std::string_view, 5> kTypes = {"COS", "S3", "NFS", "HOST",
                                                    "H3"};

Error Invalid(std::string_view field, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          std::string(field) + ": " + std::string(why)};
}

Error Unsupported(std::string_view field, std::string_view what) {
  return {ErrorCode::kUnimplemented,
          std::string(field) + ": " + std::string(what) +
              " is not supported yet by this version"};
}

std::string LocalField(std::string_view key) {
  return "spec.local." + std::string(key);
}

// The value of a key; "" if it is absent. Templates leave empty values where
// nothing is meant, so that both are the same.
std::string_view Value(const StringMap& local, std::string_view key) {
  const auto found = local.find(key);
  return found == local.end() ? std::string_view() : found->second;
}

bool IsKnown(std::string_view key) {
  return std::find(kCosKeys.begin(), kCosKeys.end(), key) != kCosKeys.end();
}

// "; did you mean it by 'endpiont'?" if an unknown key looks like `key`.
std::string MistypedAs(const StringMap& local, std::string_view key) {
  for (const auto& [other, value] : local) {
    if (!IsKnown(other) && NearestWord(other, kCosKeys) == key) {
      return "; did you mean it by '" + other + "'?";
    }
  }
  return {};
}

Result<bool> ReadBool(std::string_view text, std::string_view field) {
  if (text.empty()) return false;
  const std::optional<bool> value = ParseBool(text);
  if (!value) {
    return Invalid(
        field, "'" + std::string(text) + "' is neither \"true\" nor \"false\"");
  }
  return *value;
}

Status CheckType(const StringMap& local) {
  const std::string field = LocalField("type");
  const std::string type(Value(local, "type"));
  if (type.empty()) {
    return Invalid(field, "is missing; for an S3 bucket it is COS" +
                              MistypedAs(local, "type"));
  }
  if (std::find(kCosTypes.begin(), kCosTypes.end(), type) != kCosTypes.end()) {
    return OkStatus();
  }
  if (std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end()) {
    return Unsupported(field, type);
  }
  const std::string_view nearest = NearestWord(type, kTypes);
  return Invalid(field, "'" + type + "' is unknown; " +
                            (nearest.empty() ? "for an S3 bucket it is COS"
                                             : "did you mean " +
                                                   std::string(nearest) + "?"));
}

// Which type of Dataset it is; OK for COS.
Status CheckKind(const Dataset& dataset) {
  if (dataset.type == "ARCHIVE") return Unsupported("spec.type", "ARCHIVE");
  if (EqualsIgnoreCase(dataset.type, "ARCHIVE")) {
    return Invalid("spec.type",
                   "'" + dataset.type + "' is unknown; did you mean ARCHIVE?");
  }
  if (dataset.local) return CheckType(*dataset.local);
  if (dataset.remote) return Unsupported("spec.remote", "a remote catalog");
  return Invalid("spec.local", "is missing");
}

bool IsObjectName(std::string_view name) {
  return !name.empty() && name.size() <= kObjectNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.';
         });
}

Status ReadInlineKeys(const StringMap& local, VolumeConfig& config) {
  const auto read = [&local](std::string_view key,
                             SecretString& out) -> Status {
    const auto found = local.find(key);
    if (found == local.end()) {
      return Invalid(LocalField(key), "is missing" + MistypedAs(local, key) +
                                          "; for anonymous access let both "
                                          "keys be empty");
    }
    Result<SecretString> parsed = ParseKey(SecretString(found->second));
    if (!parsed.ok()) return parsed.error().Wrap(LocalField(key));
    out = *std::move(parsed);
    return OkStatus();
  };
  DS_RETURN_IF_ERROR(read("accessKeyID", config.access_key_id));
  DS_RETURN_IF_ERROR(read("secretAccessKey", config.secret_access_key));
  if (Status pair =
          CheckKeyPair(config.access_key_id, config.secret_access_key);
      !pair.ok()) {
    return pair.error().Wrap("spec.local");
  }
  return OkStatus();
}

Status ReadCredentials(const Dataset& dataset, ResolvedSpec& spec) {
  const StringMap& local = *dataset.local;
  const std::string_view secret_namespace = Value(local, "secret-namespace");
  if (!secret_namespace.empty() && secret_namespace != dataset.namespace_name) {
    return Invalid(LocalField("secret-namespace"),
                   "must be the Dataset's own namespace " +
                       dataset.namespace_name +
                       ", so that no Secret is read across namespaces");
  }
  spec.secret_name = Value(local, "secret-name");
  const bool has_inline =
      local.contains("accessKeyID") || local.contains("secretAccessKey");
  if (!spec.secret_name.empty()) {
    if (has_inline) {
      return Invalid(LocalField("secret-name"),
                     "is there together with accessKeyID or secretAccessKey; "
                     "leave out one of the two ways");
    }
    if (!IsObjectName(spec.secret_name)) {
      return Invalid(LocalField("secret-name"), "is no name of a Secret");
    }
    return OkStatus();
  }
  if (!has_inline) {
    return Invalid(LocalField("secret-name"),
                   "is missing, and there are no accessKeyID and "
                   "secretAccessKey either" +
                       MistypedAs(local, "secret-name") +
                       "; for anonymous access give both keys empty");
  }
  return ReadInlineKeys(local, spec.config);
}

Status ReadEndpoint(const StringMap& local, VolumeConfig& config) {
  const std::string_view endpoint = Value(local, "endpoint");
  if (endpoint.empty()) {
    return Invalid(LocalField("endpoint"),
                   "is missing; it is a URL such as "
                   "https://s3.eu-central-1.amazonaws.com" +
                       MistypedAs(local, "endpoint"));
  }
  Result<std::string> parsed = ParseEndpoint(endpoint);
  if (!parsed.ok()) return parsed.error().Wrap(LocalField("endpoint"));
  config.endpoint = *std::move(parsed);
  return OkStatus();
}

// "bucket" or "bucket/folder/…".
Status ReadBucket(const StringMap& local, VolumeConfig& config) {
  const std::string field = LocalField("bucket");
  const std::string_view text = Value(local, "bucket");
  if (text.empty()) {
    return Invalid(field, "is missing" + MistypedAs(local, "bucket"));
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  config.bucket = text.substr(0, slash);
  if (Status bucket = CheckBucket(config.bucket); !bucket.ok()) {
    return bucket.error().Wrap(field);
  }
  Result<std::string> prefix = ParsePrefix(text.substr(slash));
  if (!prefix.ok()) return prefix.error().Wrap(field);
  config.prefix = *std::move(prefix);
  return OkStatus();
}

std::string UnknownKeyWarning(std::string_view key) {
  // Keys that earlier documents named and no version ever read.
  if (key == "folder") {
    return LocalField(key) +
           ": has no effect; write it behind the bucket: <bucket>/<folder>";
  }
  if (key == "removeOnDelete" || key == "remove-on-delete") {
    return LocalField(key) + ": has no effect; data in the bucket stays";
  }
  const std::string_view nearest = NearestWord(key, kCosKeys);
  return LocalField(key) + ": unknown key" +
         (nearest.empty() ? std::string(", ignored")
                          : ", did you mean " + std::string(nearest) + "?");
}

}  // namespace

Result<ResolvedSpec> Validate(const Dataset& dataset) {
  DS_RETURN_IF_ERROR(CheckName(dataset.name));
  DS_RETURN_IF_ERROR(CheckKind(dataset));
  const StringMap& local = *dataset.local;

  ResolvedSpec spec;
  DS_RETURN_IF_ERROR(ReadEndpoint(local, spec.config));
  DS_RETURN_IF_ERROR(ReadBucket(local, spec.config));
  spec.config.region = Value(local, "region");
  if (Status region = CheckRegion(spec.config.region); !region.ok()) {
    return region.error().Wrap(LocalField("region"));
  }
  DS_RETURN_IF_ERROR(ReadCredentials(dataset, spec));
  DS_ASSIGN_OR_RETURN(spec.config.read_only, ReadBool(Value(local, "readonly"),
                                                      LocalField("readonly")));
  DS_ASSIGN_OR_RETURN(spec.provision, ReadBool(Value(local, "provision"),
                                               LocalField("provision")));
  DS_ASSIGN_OR_RETURN(spec.extract, ReadBool(dataset.extract, "spec.extract"));
  for (const auto& [key, value] : local) {
    if (!IsKnown(key)) spec.warnings.push_back(UnknownKeyWarning(key));
  }
  if (const auto label = dataset.labels.find("remove-on-delete");
      label != dataset.labels.end() && ParseBool(label->second) != false) {
    spec.warnings.push_back(
        "metadata.labels.remove-on-delete: is not supported yet by this "
        "version; data in the bucket stays");
  }
  return spec;
}

bool IsReadOnly(const Dataset& dataset) {
  const std::string* text = dataset.Local("readonly");
  return text != nullptr && ParseBool(*text).value_or(false);
}

bool HasEnvironment(const Dataset& dataset) {
  const std::string* type = dataset.Local("type");
  return type != nullptr && std::find(kCosTypes.begin(), kCosTypes.end(),
                                      *type) != kCosTypes.end();
}

Result<VolumeConfig> WithKeysOf(const ResolvedSpec& spec,
                                const SecretData& secret) {
  DS_CHECK(!spec.secret_name.empty());
  const std::string context = "Secret " + spec.secret_name;
  const auto precondition = [&context](const Error& error) {
    return Error{ErrorCode::kFailedPrecondition, error.message}.Wrap(context);
  };
  const auto read = [&](std::string_view key, bool required,
                        SecretString& out) -> Status {
    const auto found = secret.find(key);
    if (found == secret.end()) {
      if (!required) return OkStatus();
      return precondition(Invalid(
          key, "is missing; for anonymous access let both keys be empty"));
    }
    Result<SecretString> parsed = ParseKey(found->second);
    if (!parsed.ok()) return precondition(parsed.error().Wrap(key));
    out = *std::move(parsed);
    return OkStatus();
  };
  VolumeConfig config = spec.config;
  DS_RETURN_IF_ERROR(read("accessKeyID", true, config.access_key_id));
  DS_RETURN_IF_ERROR(read("secretAccessKey", true, config.secret_access_key));
  DS_RETURN_IF_ERROR(read("sessionToken", false, config.session_token));
  if (Status pair =
          CheckKeyPair(config.access_key_id, config.secret_access_key);
      !pair.ok()) {
    return precondition(pair.error());
  }
  return config;
}

}  // namespace datashim::dataset
