#include <algorithm>
#include <string>

#include "dataset/source_readers.h"
#include "dataset/volume_options.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kAttributePrefix = "attributes.";
/// Key of spec.local -> field of PersistentVolume.spec.csi.
constexpr std::pair<std::string_view, std::string_view> kSecrets[] = {
    {"node-stage-secret-name", "nodeStageSecretRef"},
    {"node-publish-secret-name", "nodePublishSecretRef"},
    {"controller-publish-secret-name", "controllerPublishSecretRef"}};
constexpr std::string_view kKeys[] = {"type",
                                      "storageClass",
                                      "driver",
                                      "volumeHandle",
                                      "fsType",
                                      kAttributePrefix,
                                      "node-stage-secret-name",
                                      "node-publish-secret-name",
                                      "controller-publish-secret-name",
                                      "readonly",
                                      "size",
                                      "access-mode",
                                      "mount-options"};
/// Keys that only make sense for a volume that exists.
constexpr std::string_view kStaticKeys[] = {"volumeHandle",
                                            "fsType",
                                            "node-stage-secret-name",
                                            "node-publish-secret-name",
                                            "controller-publish-secret-name",
                                            "mount-options"};
// Limits of Kubernetes and of the CSI specification.
constexpr std::size_t kDriverBytesMax = 63;
constexpr std::size_t kFsTypeBytesMax = 32;

Status CheckDriverName(std::string_view driver) {
  const bool well_formed =
      driver.size() <= kDriverBytesMax &&
      std::all_of(driver.begin(), driver.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c >= '0' && c <= '9') || c == '-' || c == '.';
      });
  if (well_formed) return OkStatus();
  return Error{ErrorCode::kInvalidArgument,
               "is no name of a CSI driver, such as nfs.csi.k8s.io"};
}

Status CheckFsType(std::string_view type) {
  const bool well_formed = type.size() <= kFsTypeBytesMax &&
                           std::all_of(type.begin(), type.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') ||
                                    (c >= '0' && c <= '9') || c == '.' ||
                                    c == '_' || c == '-';
                           });
  if (well_formed) return OkStatus();
  return Error{ErrorCode::kInvalidArgument, "is no file system, such as ext4"};
}

Status CheckSecretName(std::string_view name) {
  if (IsObjectName(name)) return OkStatus();
  return Error{ErrorCode::kInvalidArgument, "is no name of a Secret"};
}

// A StorageClass makes the volume.
Result<CsiSource> ReadDynamic(const SpecReader& reader) {
  CsiSource source;
  source.storage_class = reader.Value("storageClass");
  if (!IsObjectName(source.storage_class)) {
    return InvalidField(LocalField("storageClass"),
                        "is no name of a StorageClass");
  }
  if (!reader.Value("driver").empty()) {
    return InvalidField(LocalField("storageClass"),
                        "is there together with driver; storageClass makes a "
                        "new volume, driver and volumeHandle name one that "
                        "exists: leave out one of the two");
  }
  for (const auto& [key, value] : reader.local()) {
    const bool is_static =
        key.starts_with(kAttributePrefix) ||
        std::find(std::begin(kStaticKeys), std::end(kStaticKeys), key) !=
            std::end(kStaticKeys);
    if (value.empty() || !is_static) continue;
    return InvalidField(LocalField(key),
                        "cannot be chosen with storageClass, whose parameters "
                        "say it");
  }
  return source;
}

// Driver and handle name a volume that exists.
Result<CsiSource> ReadStatic(const SpecReader& reader) {
  CsiSource source;
  DS_RETURN_IF_ERROR(reader.Checked("driver", CheckDriverName));
  source.driver = reader.Value("driver");
  DS_ASSIGN_OR_RETURN(
      source.volume_handle,
      reader.Required("volumeHandle",
                      "; it is what the driver calls the volume"));
  DS_RETURN_IF_ERROR(reader.Checked("fsType", CheckFsType));
  source.fs_type = reader.Value("fsType");
  for (const auto& [key, field] : kSecrets) {
    if (reader.Value(key).empty()) continue;
    DS_RETURN_IF_ERROR(reader.Checked(key, CheckSecretName));
    source.secrets.emplace(field, reader.Value(key));
  }
  return source;
}

}  // namespace

const std::span<const std::string_view> kCsiKeys = kKeys;

Result<CsiSource> ReadCsiSource(const SpecReader& reader, VolumeShape& shape) {
  // The drivers know which mount options they take.
  DS_ASSIGN_OR_RETURN(shape, ReadShape(reader, {}));
  if (!reader.Value("storageClass").empty()) return ReadDynamic(reader);
  if (reader.Value("driver").empty()) {
    return InvalidField(LocalField("storageClass"),
                        "is missing; give storageClass for a new volume, or "
                        "driver and volumeHandle for one that exists" +
                            reader.MistypedAs("storageClass"));
  }
  DS_ASSIGN_OR_RETURN(CsiSource source, ReadStatic(reader));
  for (const auto& [key, value] : reader.local()) {
    if (!key.starts_with(kAttributePrefix)) continue;
    const std::string name = key.substr(kAttributePrefix.size());
    if (name.empty()) {
      return InvalidField(LocalField(key), "has no name behind the dot");
    }
    source.attributes.emplace(name, value);
  }
  return source;
}

}  // namespace datashim::dataset
