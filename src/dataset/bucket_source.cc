#include <algorithm>
#include <array>

#include "dataset/identity.h"
#include "dataset/location.h"
#include "dataset/source_readers.h"
#include "dataset/validation.h"
#include "dataset/volume_options.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kKeys[] = {"type",
                                      "secret-name",
                                      "secret-namespace",
                                      "accessKeyID",
                                      "secretAccessKey",
                                      "session-token",
                                      "auth",
                                      "role-arn",
                                      "external-id",
                                      "sts-endpoint",
                                      "endpoint",
                                      "bucket",
                                      "region",
                                      "readonly",
                                      "provision",
                                      "remove-on-delete",
                                      "removeOnDelete",
                                      "ca-bundle",
                                      "insecure-skip-tls-verify",
                                      "path-style",
                                      "uid",
                                      "gid",
                                      "file-mode",
                                      "dir-mode",
                                      "metadata-ttl",
                                      "size",
                                      "access-mode",
                                      "mount-options"};
constexpr std::string_view kCaBundleKey = "ca.crt";

Status ReadInlineKeys(const SpecReader& reader, VolumeConfig& config) {
  const auto read = [&reader](std::string_view key,
                              SecretString& out) -> Status {
    if (!reader.Has(key)) {
      return InvalidField(LocalField(key),
                          "is missing" + reader.MistypedAs(key) +
                              "; for anonymous access let both keys be empty");
    }
    Result<SecretString> parsed =
        ParseKey(SecretString(std::string(reader.Value(key))));
    if (!parsed.ok()) return parsed.error().Wrap(LocalField(key));
    out = *std::move(parsed);
    return OkStatus();
  };
  DS_RETURN_IF_ERROR(read("accessKeyID", config.access_key_id));
  DS_RETURN_IF_ERROR(read("secretAccessKey", config.secret_access_key));
  if (reader.Has("session-token")) {
    DS_RETURN_IF_ERROR(read("session-token", config.session_token));
  }
  if (Status pair =
          CheckKeyPair(config.access_key_id, config.secret_access_key);
      !pair.ok()) {
    return pair.error().Wrap("spec.local");
  }
  return OkStatus();
}

/// All of the identity but keys.
Status ReadIdentity(const SpecReader& reader, VolumeConfig& config) {
  DS_RETURN_IF_ERROR(reader.Optional("auth", ParseAuth, config.auth));
  DS_RETURN_IF_ERROR(reader.Checked("role-arn", CheckRoleArn));
  config.role_arn = reader.Value("role-arn");
  DS_RETURN_IF_ERROR(reader.Checked("external-id", CheckExternalId));
  config.external_id = reader.Value("external-id");
  DS_RETURN_IF_ERROR(
      reader.Optional("sts-endpoint", ParseEndpoint, config.sts_endpoint));
  const Status identity = CheckIdentity(config);
  return identity.ok() ? identity : identity.error().Wrap("spec.local");
}

Status ReadCredentials(const Dataset& dataset, const SpecReader& reader,
                       BucketSource& source) {
  const std::string_view secret_namespace = reader.Value("secret-namespace");
  if (!secret_namespace.empty() && secret_namespace != dataset.namespace_name) {
    return InvalidField(LocalField("secret-namespace"),
                        "must be the Dataset's own namespace " +
                            dataset.namespace_name +
                            ", so that no Secret is read across namespaces");
  }
  DS_RETURN_IF_ERROR(ReadIdentity(reader, source.config));
  const std::string field = LocalField("secret-name");
  source.secret_name = reader.Value("secret-name");
  const bool has_inline = reader.Has("accessKeyID") ||
                          reader.Has("secretAccessKey") ||
                          reader.Has("session-token");
  if (source.config.IsOpenedByPods()) {
    if (source.secret_name.empty() && !has_inline) return OkStatus();
    return InvalidField(LocalField("auth"),
                        "is " + std::string(AuthText(source.config.auth)) +
                            ", but there are keys as well; leave out one of "
                            "the two");
  }
  if (!source.secret_name.empty()) {
    if (has_inline) {
      return InvalidField(field,
                          "is there together with accessKeyID, secretAccessKey "
                          "or session-token; leave out one of the two ways");
    }
    if (!IsObjectName(source.secret_name)) {
      return InvalidField(field, "is no name of a Secret");
    }
    return OkStatus();
  }
  if (!has_inline) {
    return InvalidField(field,
                        "is missing, and there are no accessKeyID and "
                        "secretAccessKey either" +
                            reader.MistypedAs("secret-name") +
                            "; for anonymous access give both keys empty");
  }
  return ReadInlineKeys(reader, source.config);
}

// "bucket" or "bucket/folder/…".
Status ReadBucket(const SpecReader& reader, VolumeConfig& config) {
  const std::string field = LocalField("bucket");
  DS_ASSIGN_OR_RETURN(const std::string_view text,
                      reader.Required("bucket", ""));
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

Status ReadPlace(const SpecReader& reader, VolumeConfig& config) {
  DS_ASSIGN_OR_RETURN(const std::string_view endpoint,
                      reader.Required("endpoint",
                                      "; it is a URL such as "
                                      "https://s3.eu-central-1.amazonaws.com"));
  Result<std::string> parsed = ParseEndpoint(endpoint);
  if (!parsed.ok()) return parsed.error().Wrap(LocalField("endpoint"));
  config.endpoint = *std::move(parsed);
  DS_RETURN_IF_ERROR(ReadBucket(reader, config));
  config.region = reader.Value("region");
  return reader.Checked("region", CheckRegion);
}

// "name", "configmap/name", "secret/name", each with "/key" or without.
Result<ObjectField> ParseCaBundle(std::string_view text) {
  const Error invalid{ErrorCode::kInvalidArgument,
                      "must be configmap/NAME or secret/NAME, with /KEY behind "
                      "it if the key is not ca.crt"};
  ObjectField field{.name = "", .key = std::string(kCaBundleKey)};
  for (const auto& [prefix, kind] :
       {std::pair{std::string_view("configmap/"),
                  ObjectField::Kind::kConfigMap},
        std::pair{std::string_view("secret/"), ObjectField::Kind::kSecret}}) {
    if (!text.starts_with(prefix)) continue;
    field.kind = kind;
    text.remove_prefix(prefix.size());
    break;
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  field.name = text.substr(0, slash);
  if (slash < text.size()) field.key = text.substr(slash + 1);
  if (!IsObjectName(field.name) || field.key.empty() ||
      field.key.find('/') != std::string::npos) {
    return invalid;
  }
  return field;
}

Status ReadConnection(const SpecReader& reader, BucketSource& source,
                      std::vector<std::string>& warnings) {
  DS_RETURN_IF_ERROR(
      reader.Optional("ca-bundle", ParseCaBundle, source.ca_bundle));
  VolumeConfig& config = source.config;
  DS_ASSIGN_OR_RETURN(config.insecure_skip_tls_verify,
                      reader.Bool("insecure-skip-tls-verify"));
  if (config.insecure_skip_tls_verify) {
    if (source.ca_bundle) {
      return InvalidField(LocalField("ca-bundle"),
                          "has no effect with insecure-skip-tls-verify; leave "
                          "out one of the two");
    }
    warnings.push_back(
        LocalField("insecure-skip-tls-verify") +
        ": whoever is between here and the store can read and change the data "
        "and use the keys; prefer ca-bundle");
  }
  if (!reader.Value("path-style").empty()) {
    DS_ASSIGN_OR_RETURN(config.path_style, reader.Bool("path-style"));
  }
  return OkStatus();
}

Status ReadFiles(const SpecReader& reader, FileOptions& files) {
  DS_RETURN_IF_ERROR(reader.Optional("uid", ParseId, files.uid));
  DS_RETURN_IF_ERROR(reader.Optional("gid", ParseId, files.gid));
  DS_RETURN_IF_ERROR(reader.Optional("file-mode", ParseMode, files.file_mode));
  DS_RETURN_IF_ERROR(
      reader.Optional("dir-mode", ParseMode, files.directory_mode));
  return reader.Optional("metadata-ttl", ParseTtl, files.metadata_ttl);
}

}  // namespace

const std::span<const std::string_view> kBucketKeys = kKeys;

Status ReadBucketLook(const Dataset& dataset, const SpecReader& reader,
                      VolumeShape& shape, BucketSource& source,
                      std::vector<std::string>& warnings) {
  DS_ASSIGN_OR_RETURN(shape, ReadShape(reader, kBucketMountOptions));
  source.config.read_only = shape.read_only;
  DS_ASSIGN_OR_RETURN(source.provision, reader.Bool("provision"));
  DS_RETURN_IF_ERROR(ReadConnection(reader, source, warnings));
  DS_RETURN_IF_ERROR(ReadFiles(reader, source.config.files));
  for (const char* key : {"remove-on-delete", "removeOnDelete"}) {
    DS_ASSIGN_OR_RETURN([[maybe_unused]] const bool checked, reader.Bool(key));
  }
  source.remove_on_delete = RemovesOnDelete(dataset);
  return OkStatus();
}

Result<BucketSource> ReadBucketSource(const Dataset& dataset,
                                      const SpecReader& reader,
                                      VolumeShape& shape,
                                      std::vector<std::string>& warnings) {
  BucketSource source;
  DS_RETURN_IF_ERROR(ReadPlace(reader, source.config));
  DS_RETURN_IF_ERROR(ReadCredentials(dataset, reader, source));
  DS_RETURN_IF_ERROR(ReadBucketLook(dataset, reader, shape, source, warnings));
  if (source.config.IsOpenedByPods() &&
      (source.provision || source.remove_on_delete)) {
    return InvalidField(LocalField("auth"),
                        "goes with neither provision nor remove-on-delete nor "
                        "archives: these need keys that open the bucket "
                        "without a pod");
  }
  if (!source.config.role_arn.empty() && !source.config.IsOpenedByPods() &&
      source.secret_name.empty() && !source.HasInlineKeys()) {
    return InvalidField(LocalField("role-arn"),
                        "needs keys that may assume it, or auth: web-identity");
  }
  return source;
}

}  // namespace datashim::dataset
