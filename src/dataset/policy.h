// Policy: what the administrator of the cluster lets Datasets reach. Whoever
// may write a Dataset of type HOST or CSI reaches past namespaces: directories
// of nodes, and volumes by their handle (docs/adr/0017). Pure.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataset/source.h"

namespace datashim::dataset {

/// All that is allowed. Default: everything but system paths and our own
/// driver, which nobody can allow.
struct Policy {
  /// Of spec.local.type, and ARCHIVE; COS stands for S3 as well, CSI for H3.
  std::vector<std::string> types = {"COS", "NFS", "HOST", "CSI", "ARCHIVE"};
  /// Directories below which (or at which) HOST paths must be.
  std::vector<std::string> host_paths = {"/"};
  /// Directories of the nodes that HOST paths must not touch, besides those of
  /// IsSystemPath: the kubelet's, and ours.
  std::vector<std::string> host_paths_refused;
  /// Drivers of CSI volumes that exist; "*" is any.
  std::vector<std::string> csi_drivers = {"*"};
  /// Ways of `auth` by which pods open buckets themselves.
  std::vector<std::string> pod_auth = {"web-identity", "pod-identity"};
  /// URLs of STS that get tokens of pods, besides AWS's.
  std::vector<std::string> sts_endpoints;
};

/// @return kPermissionDenied, naming the key and what to ask the administrator
///     for.
Status CheckPolicy(const Source& source, const Policy& policy);

/// An absolute path without "//", "." parts and a '/' at its end.
/// @return kInvalidArgument, without the key, if it is not absolute, has ".."
///     parts or control characters.
Result<std::string> NormalizePath(std::string_view path);

/// True if the (normalized) path is a directory of the operating system, of
/// Kubernetes or of a container runtime, is below one, or has one below it.
bool IsSystemPath(std::string_view path);

}  // namespace datashim::dataset
