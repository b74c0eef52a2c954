#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>

#include "base/check.h"
#include "dataset/location.h"
#include "dataset/source_readers.h"
#include "dataset/unpack_request.h"
#include "dataset/validation.h"

namespace datashim::dataset {
namespace {

/// Besides those of a bucket, which say where the files go.
constexpr std::string_view kKeys[] = {"source-endpoint", "source-region",
                                      "source-secret-name"};
/// Keys of a bucket that name a place. Without a type the place is the
/// operator's.
constexpr std::string_view kPlaceKeys[] = {
    "endpoint",    "bucket",          "region",        "secret-name",
    "accessKeyID", "secretAccessKey", "session-token", "ca-bundle",
    "auth",        "role-arn",        "external-id",   "sts-endpoint"};

Status ReadWhat(const Dataset& dataset, ArchiveSource& source,
                std::vector<std::string>& warnings) {
  if (dataset.url.empty()) {
    return InvalidField("spec.url", "is missing; it says where the archive is");
  }
  if (Status url = CheckArchiveUrl(dataset.url); !url.ok()) {
    return url.error().Wrap("spec.url");
  }
  source.url = dataset.url;
  if (const auto format = ParseArchiveFormat(dataset.format)) {
    source.format = *format;
  } else {
    warnings.push_back("spec.format: '" + dataset.format +
                       "' is unknown; what the archive is, is found out");
  }
  DS_ASSIGN_OR_RETURN(source.extract,
                      ReadBool(dataset.extract, "spec.extract"));
  if (dataset.sha256.empty()) return OkStatus();
  auto digest = ParseSha256(dataset.sha256);
  if (!digest.ok()) return digest.error().Wrap("spec.sha256");
  source.sha256 = *std::move(digest);
  return OkStatus();
}

Status ReadTarget(const Dataset& dataset, const SpecReader& reader,
                  VolumeShape& shape, ArchiveSource& source,
                  std::vector<std::string>& warnings) {
  if (!reader.Value("type").empty()) {
    DS_ASSIGN_OR_RETURN(source.target,
                        ReadBucketSource(dataset, reader, shape, warnings));
    if (source.target.config.IsOpenedByPods()) {
      return InvalidField(LocalField("auth"),
                          "does not go with an archive: what unpacks it needs "
                          "keys, or a role by keys");
    }
    return OkStatus();
  }
  source.is_operators_place = true;
  for (const std::string_view key : kPlaceKeys) {
    if (reader.Value(key).empty()) continue;
    return InvalidField(LocalField(key),
                        "names a place of your own for the files; then say "
                        "type: COS, too, with endpoint, bucket and keys");
  }
  return ReadBucketLook(dataset, reader, shape, source.target, warnings);
}

/// Where an s3 URL leads: the store of the target, unless a source is named.
Status ReadOrigin(const SpecReader& reader, ArchiveSource& source) {
  const bool is_named =
      std::any_of(std::begin(kKeys), std::end(kKeys),
                  [&](std::string_view key) { return reader.Has(key); });
  if (!source.url.starts_with("s3://")) {
    if (!is_named) return OkStatus();
    return InvalidField("spec.url",
                        "is no s3:// URL, and only for those there "
                        "are source-endpoint, source-region and "
                        "source-secret-name");
  }
  BucketSource origin;
  // Never with the operator's keys: they may open what is not the owner's.
  if (!is_named && !source.is_operators_place) origin = source.target;
  DS_RETURN_IF_ERROR(reader.Optional("source-endpoint", ParseEndpoint,
                                     origin.config.endpoint));
  DS_RETURN_IF_ERROR(reader.Checked("source-region", CheckRegion));
  if (const auto region = reader.Value("source-region"); !region.empty()) {
    origin.config.region = region;
  }
  if (const auto name = reader.Value("source-secret-name"); !name.empty()) {
    if (!IsObjectName(name)) {
      return InvalidField(LocalField("source-secret-name"),
                          "is no name of a Secret");
    }
    origin.secret_name = name;
  }
  DS_ASSIGN_OR_RETURN(ObjectPlace object, ParseObjectUrl(source.url));
  origin.config.bucket = std::move(object.bucket);
  origin.config.prefix.clear();
  source.origin = std::move(origin);
  return OkStatus();
}

}  // namespace

std::span<const std::string_view> ArchiveKeys() {
  static const std::vector<std::string_view> kAll = [] {
    std::vector<std::string_view> all(kBucketKeys.begin(), kBucketKeys.end());
    all.insert(all.end(), std::begin(kKeys), std::end(kKeys));
    return all;
  }();
  return kAll;
}

Result<ArchiveSource> ReadArchiveSource(const Dataset& dataset,
                                        const SpecReader& reader,
                                        VolumeShape& shape,
                                        std::vector<std::string>& warnings) {
  ArchiveSource source;
  DS_RETURN_IF_ERROR(ReadWhat(dataset, source, warnings));
  DS_RETURN_IF_ERROR(ReadTarget(dataset, reader, shape, source, warnings));
  DS_RETURN_IF_ERROR(ReadOrigin(reader, source));
  // What is in an archive does not change; another one is another version.
  shape.read_only = true;
  shape.access_mode = "ReadOnlyMany";
  source.target.config.read_only = true;
  return source;
}

}  // namespace datashim::dataset
