#include "dataset/policy.h"

#include <algorithm>

#include "base/strings.h"
#include "dataset/identity.h"
#include "dataset/spec_reader.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kOwnDriver = "csi.datashim.io";

/// Directories that make a node what it is. Whoever can write (or read the
/// keys) below one of them has the node.
constexpr std::string_view kSystemPaths[] = {
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/snap",
    "/sys",
    "/usr",
    "/var/cache",
    "/var/log",  // The kubelet follows links in it as root.
    "/var/run",
    "/var/spool",
    // Kubernetes and its distributions.
    "/opt/cni",
    "/var/lib/cni",
    "/var/lib/etcd",
    "/var/lib/k0s",
    "/var/lib/kubelet",
    "/var/lib/minikube",
    "/var/lib/rancher",
    "/var/snap",
    // Container runtimes and the host itself.
    "/opt/containerd",
    "/var/lib/cloud",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/crio",
    "/var/lib/docker",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/var/lib/systemd",
    // Ours.
    "/var/lib/datashim",
};

/// "/a" is within "/a" and "/", but not within "/a/b" and "/ab".
bool IsWithin(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

bool Touches(std::string_view path, std::string_view directory) {
  return IsWithin(path, directory) || IsWithin(directory, path);
}

Error Refused(std::string_view field, std::string_view why) {
  return {ErrorCode::kPermissionDenied,
          std::string(field) + ": " + std::string(why)};
}

std::string_view TypeOf(const Source& source) {
  static constexpr std::string_view kNames[] = {"COS", "NFS", "HOST", "CSI",
                                                "ARCHIVE"};
  static_assert(std::variant_size_v<Source> == std::size(kNames));
  return kNames[source.index()];
}

bool Contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

Status CheckHostPath(const std::string& path, const Policy& policy) {
  const std::string field = LocalField("path");
  const bool is_refused = std::any_of(
      policy.host_paths_refused.begin(), policy.host_paths_refused.end(),
      [&](const std::string& refused) { return Touches(path, refused); });
  if (is_refused || IsSystemPath(path)) {
    return Refused(field,
                   path +
                       " is, holds or is part of a system directory of the "
                       "node, which no Dataset may use; give data a "
                       "directory of its own, such as /data");
  }
  const bool is_allowed = std::any_of(
      policy.host_paths.begin(), policy.host_paths.end(),
      [&](const std::string& allowed) { return IsWithin(path, allowed); });
  if (is_allowed) return OkStatus();
  return Refused(
      field,
      path + " is not among the directories that this cluster allows (" +
          (policy.host_paths.empty() ? "none" : Join(policy.host_paths, ", ")) +
          "); its administrator can add it to the chart's value "
          "datasets.hostPaths");
}

Status CheckDriver(const CsiSource& source, const Policy& policy) {
  const std::string field = LocalField("driver");
  if (source.IsDynamic()) return OkStatus();
  if (EqualsIgnoreCase(source.driver, kOwnDriver)) {
    // Its volumes belong to claims, perhaps of somebody else.
    return Refused(field, source.driver +
                              " is Datashim's own; for a bucket use the type "
                              "COS");
  }
  if (Contains(policy.csi_drivers, "*") ||
      Contains(policy.csi_drivers, source.driver)) {
    return OkStatus();
  }
  return Refused(field,
                 source.driver +
                     " is not among the drivers whose volumes this cluster "
                     "allows by handle; its administrator can add it to the "
                     "chart's value datasets.csiDrivers");
}

Status CheckAuth(const VolumeConfig& config, const Policy& policy) {
  if (!config.IsOpenedByPods()) return OkStatus();
  if (!Contains(policy.pod_auth, AuthText(config.auth))) {
    return Refused(
        LocalField("auth"),
        std::string(AuthText(config.auth)) +
            " is turned off in this cluster; its administrator can "
            "set the chart's value " +
            (config.auth == Auth::kWebIdentity ? "iam.webIdentityAudience"
                                               : "iam.podIdentity"));
  }
  if (config.sts_endpoint.empty()) return OkStatus();
  const Status sts =
      CheckStsEndpoint(config.sts_endpoint, policy.sts_endpoints);
  return sts.ok() ? sts : sts.error().Wrap(LocalField("sts-endpoint"));
}

}  // namespace

Status CheckPolicy(const Source& source, const Policy& policy) {
  if (!Contains(policy.types, TypeOf(source))) {
    const bool is_archive = std::holds_alternative<ArchiveSource>(source);
    return Refused(is_archive ? "spec.type" : LocalField("type"),
                   std::string(TypeOf(source)) +
                       " is turned off in this cluster; its administrator can "
                       "add it to the chart's value datasets.types");
  }
  if (const auto* host = std::get_if<HostSource>(&source)) {
    return CheckHostPath(host->path, policy);
  }
  if (const auto* bucket = std::get_if<BucketSource>(&source)) {
    return CheckAuth(bucket->config, policy);
  }
  if (const auto* csi = std::get_if<CsiSource>(&source)) {
    return CheckDriver(*csi, policy);
  }
  return OkStatus();
}

Result<std::string> NormalizePath(std::string_view path) {
  const auto invalid = [](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument, std::string(why)};
  };
  if (!path.starts_with('/')) {
    return invalid("must be an absolute path, such as /data");
  }
  std::string normal;
  for (const std::string_view part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return invalid("must not hold '..'");
    const bool has_control = std::any_of(part.begin(), part.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (has_control) return invalid("must not hold control characters");
    normal += '/';
    normal += part;
  }
  return normal.empty() ? std::string("/") : normal;
}

bool IsSystemPath(std::string_view path) {
  return std::any_of(
      std::begin(kSystemPaths), std::end(kSystemPaths),
      [path](std::string_view system) { return Touches(path, system); });
}

}  // namespace datashim::dataset
