#include "keeper/policy.h"

#include <algorithm>

#include "base/strings.h"
#include "keeper/protocol.h"

namespace datashim::keeper {
namespace {

Error Refuse(std::string_view what, std::string_view text,
             std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          std::string(what) + " " + JsonQuote(text) + " " + std::string(why)};
}

bool IsIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

Status CheckId(std::string_view what, std::string_view id,
               std::size_t bytes_max) {
  if (id.empty() || id.size() > bytes_max) {
    return Refuse(what, id,
                  "must have 1 to " + std::to_string(bytes_max) + " bytes");
  }
  if (!std::all_of(id.begin(), id.end(), IsIdCharacter)) {
    return Refuse(what, id, "may have letters, digits, '.', '_', '-' only");
  }
  return OkStatus();
}

}  // namespace

Status CheckNormalized(std::string_view path) {
  if (path.size() > kPathBytesMax) {
    return Refuse("path", path.substr(0, 64),
                  "has more than " + std::to_string(kPathBytesMax) + " bytes");
  }
  if (!path.starts_with('/')) return Refuse("path", path, "is not absolute");
  const auto is_control = [](char c) {
    return (c >= 0 && c < ' ') || c == '\x7f';
  };
  if (std::any_of(path.begin(), path.end(), is_control)) {
    return Refuse("path", path, "has a control character");
  }
  for (const std::string_view part : Split(path.substr(1), '/')) {
    if (part.empty() || part == "." || part == "..") {
      return Refuse("path", path,
                    "is not normalized: it has an empty, \".\" or \"..\" "
                    "component");
    }
  }
  return OkStatus();
}

Result<std::string> RelativeToKubelet(std::string_view kubelet_dir,
                                      std::string_view path) {
  DS_RETURN_IF_ERROR(CheckNormalized(path));
  if (!path.starts_with(kubelet_dir) || path.size() <= kubelet_dir.size() ||
      path[kubelet_dir.size()] != '/') {
    return Refuse(
        "path", path,
        "is not below the kubelet directory " + JsonQuote(kubelet_dir));
  }
  return std::string(path.substr(kubelet_dir.size() + 1));
}

Status CheckRelative(std::string_view name) {
  if (name.starts_with('/')) return Refuse("name", name, "is not relative");
  return CheckNormalized("/" + std::string(name));
}

Status CheckSpec(const MountSpec& spec) {
  DS_RETURN_IF_ERROR(CheckId("volume id", spec.volume_id, kVolumeIdBytesMax));
  return CheckId("location id", spec.location_id, kLocationIdBytesMax);
}

Status CheckReadahead(std::uint32_t readahead_kib) {
  if (readahead_kib >= 1 && readahead_kib <= kReadaheadKibMax) {
    return OkStatus();
  }
  return Error{ErrorCode::kInvalidArgument,
               "readahead of " + std::to_string(readahead_kib) +
                   " KiB is not in 1.." + std::to_string(kReadaheadKibMax)};
}

bool IsOurs(const sys::MountEntry& entry) {
  return entry.type == std::string("fuse.") + kMountSource;
}

bool BlocksWalk(const sys::MountEntry& entry) {
  return entry.type == "fuse" || entry.type.starts_with("fuse.") ||
         entry.type.starts_with("nfs");
}

}  // namespace datashim::keeper
