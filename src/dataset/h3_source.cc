#include <string>

#include "dataset/source_readers.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kKeys[] = {"type",        "storageUri",   "bucket",
                                      "permissions", "readonly",     "size",
                                      "access-mode", "mount-options"};
/// The driver of CARV-ICS-FORTH, and the size that its volumes had upstream.
constexpr std::string_view kDriver = "csi-h3";
constexpr std::string_view kSize = "1Pi";

}  // namespace

const std::span<const std::string_view> kH3Keys = kKeys;

Result<CsiSource> ReadH3Source(const Dataset& dataset, const SpecReader& reader,
                               VolumeShape& shape) {
  DS_ASSIGN_OR_RETURN(shape, ReadShape(reader, {}));
  if (reader.Value("size").empty()) shape.size = kSize;
  const std::string_view permissions = reader.Value("permissions");
  if (permissions == "ReadOnly") {
    shape.read_only = true;
    if (reader.Value("access-mode").empty()) shape.access_mode = "ReadOnlyMany";
  } else if (!permissions.empty() && permissions != "ReadWrite") {
    return InvalidField(LocalField("permissions"),
                        "must be ReadWrite or ReadOnly");
  }
  CsiSource source;
  source.driver = kDriver;
  // The driver keeps nothing by it; it only has to be nobody else's.
  source.volume_handle = dataset.name + "-" + dataset.uid;
  DS_ASSIGN_OR_RETURN(
      source.attributes["storageUri"],
      reader.Required("storageUri",
                      "; it is where H3 keeps its data, such as "
                      "redis://redis.default.svc:6379"));
  if (!reader.Value("bucket").empty()) {
    source.attributes["bucket"] = reader.Value("bucket");
  }
  return source;
}

}  // namespace datashim::dataset
