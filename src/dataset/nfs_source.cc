#include <algorithm>
#include <string>

#include "dataset/policy.h"
#include "dataset/source_readers.h"
#include "dataset/volume_options.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kKeys[] = {
    "type",    "server", "share",       "createDirPVC", "readonly",
    "version", "size",   "access-mode", "mount-options"};
constexpr std::string_view kVersions[] = {"3", "4", "4.0", "4.1", "4.2"};
constexpr std::size_t kServerBytesMax = 255;  // RFC 1035
/// Those of nfs(5) that say how to talk to the server; none that lets files of
/// the share become devices or programs of another user.
constexpr std::string_view kMountOptions[] = {
    "ro",       "rw",         "soft",        "hard",         "softreval",
    "timeo",    "retrans",    "rsize",       "wsize",        "proto",
    "port",     "mountproto", "mountport",   "nolock",       "lock",
    "nconnect", "ac",         "noac",        "actimeo",      "acregmin",
    "acregmax", "acdirmin",   "acdirmax",    "lookupcache",  "sec",
    "nosuid",   "nodev",      "noexec",      "noatime",      "nodiratime",
    "relatime", "resvport",   "noresvport",  "nosharecache", "cto",
    "nocto",    "retry",      "minorversion"};

// A host name or an address; "[::1]" is "::1".
Result<std::string> ParseServer(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    text = text.substr(1, text.size() - 2);
  }
  const bool well_formed =
      !text.empty() && text.size() <= kServerBytesMax && text.front() != '-' &&
      std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
               c == ':' || c == '%';
      });
  if (!well_formed) {
    return Error{ErrorCode::kInvalidArgument,
                 "must be a host name or an address, without the share"};
  }
  return std::string(text);
}

Status ReadVersion(const SpecReader& reader, VolumeShape& shape) {
  const std::string_view version = reader.Value("version");
  if (version.empty()) return OkStatus();
  if (std::find(std::begin(kVersions), std::end(kVersions), version) ==
      std::end(kVersions)) {
    return InvalidField(LocalField("version"), "must be 3, 4, 4.0, 4.1 or 4.2");
  }
  shape.mount_options.push_back("nfsvers=" + std::string(version));
  return OkStatus();
}

}  // namespace

const std::span<const std::string_view> kNfsKeys = kKeys;

Result<NfsSource> ReadNfsSource(const SpecReader& reader, VolumeShape& shape) {
  DS_ASSIGN_OR_RETURN(shape, ReadShape(reader, kMountOptions));
  DS_RETURN_IF_ERROR(ReadVersion(reader, shape));
  NfsSource source;
  for (const char* key : {"server", "share"}) {
    DS_ASSIGN_OR_RETURN([[maybe_unused]] const std::string_view value,
                        reader.Required(key, ""));
  }
  DS_RETURN_IF_ERROR(reader.Optional("server", ParseServer, source.server));
  DS_RETURN_IF_ERROR(reader.Optional("share", NormalizePath, source.share));
  DS_ASSIGN_OR_RETURN(const bool create, reader.Bool("createDirPVC"));
  if (create) {
    return Error{ErrorCode::kUnimplemented,
                 LocalField("createDirPVC") +
                     ": is not supported yet by this version; make the "
                     "directory on the server and name it in share"};
  }
  return source;
}

}  // namespace datashim::dataset
