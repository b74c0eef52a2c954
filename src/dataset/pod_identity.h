// PodIdentity: who uses a volume, as the kubelet says at publish: the pod's
// ServiceAccount and its tokens.

#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace datashim::dataset {

/// Keys that the kubelet adds to a volume's context (KEP-1855), the last one
/// also to its Secret (KEP-5538).
inline constexpr char kPodNamespaceKey[] = "csi.storage.k8s.io/pod.namespace";
inline constexpr char kServiceAccountKey[] =
    "csi.storage.k8s.io/serviceAccount.name";
inline constexpr char kTokensKey[] = "csi.storage.k8s.io/serviceAccount.tokens";

/// Empty: the kubelet was not asked for it, or there is no pod.
struct PodIdentity {
  std::string namespace_name;
  std::string service_account;
  /// Audience to token.
  std::map<std::string, SecretString, std::less<>> tokens;
};

/// The tokens out of {"<audience>": {"token": "…", "expirationTimestamp":
/// "…"}}. An empty text has none. Pure.
/// @return kInvalidArgument, without any of the text.
Result<std::map<std::string, SecretString, std::less<>>> ParsePodTokens(
    const SecretString& text);

}  // namespace datashim::dataset
