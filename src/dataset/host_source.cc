#include <algorithm>
#include <string>

#include "base/strings.h"
#include "dataset/policy.h"
#include "dataset/source_readers.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kKeys[] = {
    "type",          "path", "permissions", "hostPathType", "readonly",
    "node-selector", "size", "access-mode", "mount-options"};
constexpr std::size_t kLabelBytesMax = 317;  // prefix/name of a label's key.

bool IsLabelText(std::string_view text) {
  return text.size() <= kLabelBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                  c == '/';
         });
}

// "label=value,…".
Result<std::vector<std::pair<std::string, std::string>>> ParseLabels(
    std::string_view text) {
  std::vector<std::pair<std::string, std::string>> labels;
  for (const std::string_view part : Split(text, ',')) {
    const std::string_view label = TrimSpace(part);
    const std::size_t equals = label.find('=');
    const std::string_view key = label.substr(0, equals);
    if (equals == std::string_view::npos || key.empty() || !IsLabelText(key) ||
        !IsLabelText(label.substr(equals + 1))) {
      return Error{ErrorCode::kInvalidArgument,
                   "must be labels of nodes, such as "
                   "kubernetes.io/hostname=node-1"};
    }
    labels.emplace_back(key, label.substr(equals + 1));
  }
  return labels;
}

Status ReadPermissions(const SpecReader& reader, VolumeShape& shape) {
  const std::string_view permissions = reader.Value("permissions");
  if (permissions == "ReadOnly") {
    shape.read_only = true;
    if (reader.Value("access-mode").empty()) {
      shape.access_mode = "ReadOnlyMany";
    }
  } else if (!permissions.empty() && permissions != "ReadWrite") {
    return InvalidField(LocalField("permissions"),
                        "must be ReadWrite or ReadOnly");
  }
  return OkStatus();
}

}  // namespace

const std::span<const std::string_view> kHostKeys = kKeys;

Result<HostSource> ReadHostSource(const SpecReader& reader,
                                  VolumeShape& shape) {
  // A directory of the node is not mounted, so there is nothing to choose.
  constexpr std::string_view kMountOptions[] = {"ro", "rw"};
  DS_ASSIGN_OR_RETURN(shape, ReadShape(reader, kMountOptions));
  shape.mount_options.clear();
  DS_RETURN_IF_ERROR(ReadPermissions(reader, shape));

  HostSource source;
  DS_ASSIGN_OR_RETURN([[maybe_unused]] const std::string_view path,
                      reader.Required("path", ""));
  DS_RETURN_IF_ERROR(reader.Optional("path", NormalizePath, source.path));
  DS_RETURN_IF_ERROR(
      reader.Optional("node-selector", ParseLabels, source.node_labels));
  const std::string_view type = reader.Value("hostPathType");
  source.create = type == "CreateNew" || type == "DirectoryOrCreate";
  if (!source.create && !type.empty() && type != "Directory") {
    return InvalidField(LocalField("hostPathType"),
                        "must be Directory or CreateNew");
  }
  if (source.create && shape.read_only) {
    return InvalidField(LocalField("hostPathType"),
                        "CreateNew makes an empty directory, which is of no "
                        "use if it is read-only; use Directory");
  }
  return source;
}

}  // namespace datashim::dataset
