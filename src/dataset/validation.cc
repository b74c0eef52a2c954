#include "dataset/validation.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "dataset/identity.h"
#include "dataset/keys.h"
#include "dataset/location.h"
#include "dataset/names.h"
#include "dataset/source_readers.h"
#include "dataset/spec_reader.h"
#include "dataset/spell.h"
#include "dataset/volume_options.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kTypes[] = {"COS", "S3", "NFS", "HOST", "H3", "CSI"};

bool IsBucketType(std::string_view type) {
  return type == "COS" || type == "S3";
}

bool IsArchive(const Dataset& dataset) { return dataset.type == "ARCHIVE"; }

/// The keys of a type; of a bucket where the type is not known.
std::span<const std::string_view> KeysOf(const Dataset& dataset,
                                         std::string_view type) {
  if (IsArchive(dataset)) return ArchiveKeys();
  if (type == "NFS") return kNfsKeys;
  if (type == "HOST") return kHostKeys;
  if (type == "CSI") return kCsiKeys;
  if (type == "H3") return kH3Keys;
  return kBucketKeys;
}

Error UnknownType(std::string_view type, const SpecReader& reader) {
  const std::string field = LocalField("type");
  if (type.empty()) {
    return InvalidField(field, "is missing; for an S3 bucket it is COS" +
                                   reader.MistypedAs("type"));
  }
  const std::string_view nearest = NearestWord(type, kTypes);
  return InvalidField(
      field,
      "'" + std::string(type) + "' is unknown; " +
          (nearest.empty() ? "for an S3 bucket it is COS"
                           : "did you mean " + std::string(nearest) + "?"));
}

/// Whether the spec says what the Dataset is.
Status CheckKind(const Dataset& dataset) {
  if (IsArchive(dataset)) {
    const std::string* type = dataset.Local("type");
    if (type == nullptr || type->empty() || IsBucketType(*type)) {
      return OkStatus();
    }
    return InvalidField(LocalField("type"),
                        "says where the files of an ARCHIVE go: COS for a "
                        "bucket of yours, or leave it out");
  }
  if (EqualsIgnoreCase(dataset.type, "ARCHIVE")) {
    return InvalidField("spec.type", "'" + dataset.type +
                                         "' is unknown; did you mean ARCHIVE?");
  }
  if (dataset.local) return OkStatus();
  if (dataset.remote) {
    return Error{ErrorCode::kUnimplemented,
                 "spec.remote: tables of a catalog (Hive metastore) are not "
                 "supported; make a Dataset of type COS for the bucket and "
                 "folder where the table is (DESCRIBE FORMATTED shows its "
                 "Location)"};
  }
  return InvalidField("spec.local", "is missing");
}

Status ReadSource(const Dataset& dataset, const SpecReader& reader,
                  ResolvedSpec& spec) {
  const std::string_view type = reader.Value("type");
  if (IsArchive(dataset)) {
    DS_ASSIGN_OR_RETURN(
        spec.source,
        ReadArchiveSource(dataset, reader, spec.shape, spec.warnings));
  } else if (IsBucketType(type)) {
    DS_ASSIGN_OR_RETURN(
        spec.source,
        ReadBucketSource(dataset, reader, spec.shape, spec.warnings));
  } else if (type == "NFS") {
    DS_ASSIGN_OR_RETURN(spec.source, ReadNfsSource(reader, spec.shape));
  } else if (type == "HOST") {
    DS_ASSIGN_OR_RETURN(spec.source, ReadHostSource(reader, spec.shape));
  } else if (type == "CSI") {
    DS_ASSIGN_OR_RETURN(spec.source, ReadCsiSource(reader, spec.shape));
  } else if (type == "H3") {
    DS_ASSIGN_OR_RETURN(spec.source, ReadH3Source(dataset, reader, spec.shape));
  } else {
    return UnknownType(type, reader);
  }
  return OkStatus();
}

/// Bearer tokens can be used by whoever gets them, so that who writes Datasets
/// and may not read the Secret must not choose where they go.
Status CheckBearerTarget(const SecretData& secret, const VolumeConfig& config) {
  if (config.iam_api_key.empty() || IsIbmStore(config.endpoint)) {
    return OkStatus();
  }
  const auto allowed = secret.find("endpoint");
  if (allowed != secret.end()) {
    const auto parsed = ParseEndpoint(TrimSpace(allowed->second.Reveal()));
    if (parsed.ok() && *parsed == config.endpoint) return OkStatus();
  }
  return Error{ErrorCode::kInvalidArgument,
               "iam-api-key: its tokens are sent only to IBM Cloud Object "
               "Storage (https), or to the endpoint that is in the Secret; set "
               "the key endpoint in it to " +
                   config.endpoint};
}

}  // namespace

Result<VolumeShape> ReadShape(const SpecReader& reader,
                              std::span<const std::string_view> mount_options) {
  VolumeShape shape;
  DS_ASSIGN_OR_RETURN(shape.read_only, reader.Bool("readonly"));
  DS_RETURN_IF_ERROR(reader.Optional(
      "mount-options",
      [&](std::string_view text) {
        return ParseMountOptions(text, mount_options);
      },
      shape.mount_options));
  const auto& options = shape.mount_options;
  shape.read_only |=
      std::find(options.begin(), options.end(), "ro") != options.end();
  DS_RETURN_IF_ERROR(reader.Checked("size", CheckSize));
  if (!reader.Value("size").empty()) shape.size = reader.Value("size");
  DS_RETURN_IF_ERROR(reader.Checked("access-mode", CheckAccessMode));
  if (const auto mode = reader.Value("access-mode"); !mode.empty()) {
    shape.access_mode = mode;
  } else if (shape.read_only) {
    shape.access_mode = "ReadOnlyMany";
  }
  shape.read_only |= shape.access_mode == "ReadOnlyMany";
  return shape;
}

Result<ResolvedSpec> Validate(const Dataset& dataset, const Policy& policy) {
  DS_RETURN_IF_ERROR(CheckName(dataset.name));
  DS_RETURN_IF_ERROR(CheckKind(dataset));
  static const StringMap kNothing;  // An archive needs no more than its URL.
  const StringMap& local = dataset.local ? *dataset.local : kNothing;
  const auto type = local.find("type");
  const SpecReader reader(
      local,
      KeysOf(dataset, type == local.end() ? std::string_view() : type->second));
  ResolvedSpec spec;
  DS_RETURN_IF_ERROR(ReadSource(dataset, reader, spec));
  DS_ASSIGN_OR_RETURN(spec.extract, ReadBool(dataset.extract, "spec.extract"));
  DS_RETURN_IF_ERROR(CheckPolicy(spec.source, policy));
  std::vector<std::string> unknown = reader.UnknownKeys();
  std::move(unknown.begin(), unknown.end(), std::back_inserter(spec.warnings));
  return spec;
}

bool IsReadOnly(const Dataset& dataset) {
  const auto is = [&](std::string_view key, std::string_view value) {
    const std::string* text = dataset.Local(key);
    return text != nullptr && *text == value;
  };
  const std::string* text = dataset.Local("readonly");
  return IsArchive(dataset) ||
         (text != nullptr && ParseBool(*text).value_or(false)) ||
         is("access-mode", "ReadOnlyMany") ||
         ((is("type", "HOST") || is("type", "H3")) &&
          is("permissions", "ReadOnly"));
}

bool HasEnvironment(const Dataset& dataset) {
  const std::string* type = dataset.Local("type");
  return type != nullptr && IsBucketType(*type) && !IsArchive(dataset);
}

bool RemovesOnDelete(const Dataset& dataset) {
  if (const auto label = dataset.labels.find("remove-on-delete");
      label != dataset.labels.end()) {
    return ParseBool(label->second).value_or(false);
  }
  bool is_said = false;
  for (const char* key : {"remove-on-delete", "removeOnDelete"}) {
    const std::string* text = dataset.Local(key);
    if (text == nullptr || text->empty()) continue;
    if (ParseBool(*text).value_or(false)) return true;
    is_said = true;
  }
  // What was unpacked is a copy of ours, which nobody else knows of.
  return IsArchive(dataset) && !is_said;
}

Result<VolumeConfig> WithKeysOf(const BucketSource& bucket,
                                const SecretData& secret) {
  DS_CHECK(!bucket.secret_name.empty());
  VolumeConfig config = bucket.config;
  Status keys = ReadKeys(secret, config);
  if (keys.ok()) keys = CheckIdentity(config);
  if (keys.ok()) keys = CheckBearerTarget(secret, config);
  if (!keys.ok()) {
    return Error{ErrorCode::kFailedPrecondition, keys.error().message}.Wrap(
        "Secret " + bucket.secret_name);
  }
  return config;
}

}  // namespace datashim::dataset
