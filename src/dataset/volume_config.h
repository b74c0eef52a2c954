// VolumeConfig: what a node needs to open one volume. The operator writes it
// into the volume Secret `vol-<uid>` in its own namespace; kubelet hands that
// Secret to `node` at stage and at every (re)publish. The keys of the Secret
// are the wire format between operator and node, parsed here and nowhere else.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace datashim::dataset {

/// The data of a Secret, base64 decoded.
using SecretData = std::map<std::string, SecretString, std::less<>>;

/// How files look in a mount: a bucket knows neither owners nor modes.
struct FileOptions {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t file_mode = 0666;
  std::uint32_t directory_mode = 0777;
  /// How long names and attributes are served without asking the store.
  std::chrono::seconds metadata_ttl{1};

  friend bool operator==(const FileOptions&, const FileOptions&) = default;
};

/// Whose credentials open a bucket.
enum class Auth {
  kKeys,         ///< The keys of the config, a role by them, or nobody's.
  kWebIdentity,  ///< The pod's ServiceAccount's, by STS.
  kPodIdentity,  ///< The pod's ServiceAccount's, by EKS's agent on the node.
};

/// Where a volume's data is and which keys open it. Thread-compatible.
struct VolumeConfig {
  std::string endpoint;  ///< URL with scheme; empty: AWS for the region.
  std::string bucket;
  std::string prefix;  ///< Without leading '/', with trailing '/' if not empty.
  std::string region;  ///< Empty: discovered.
  bool read_only = false;
  bool path_style = true;     ///< false: virtual-host style.
  std::string ca_bundle_pem;  ///< Empty: the system's authorities.
  bool insecure_skip_tls_verify = false;
  FileOptions files;

  SecretString access_key_id;  ///< Empty, with secret_access_key: anonymous.
  SecretString secret_access_key;
  SecretString session_token;

  Auth auth = Auth::kKeys;
  std::string role_arn;      ///< Assumed with the keys or the pod's token.
  std::string external_id;   ///< Goes with role_arn and keys.
  std::string sts_endpoint;  ///< URL; empty: AWS's for the region.

  SecretString iam_api_key;         ///< IBM Cloud; in place of keys.
  std::string iam_endpoint;         ///< URL; empty: IBM's.
  std::string service_instance_id;  ///< Where IBM makes buckets.

  /// Only a pod's own identity opens it: nobody else can check it.
  bool IsOpenedByPods() const { return auth != Auth::kKeys; }

  /// Identifies the place and how it is reached and shown (all but the keys and
  /// read_only): one FUSE mount per (volume, location), so that pods made after
  /// a change see it and those from before stay as they are. 16 hex digits.
  std::string LocationId() const;

  /// The Secret's data: keys endpoint, bucket, folder, region, readonly,
  /// pathStyle, caBundle, insecureSkipTLSVerify, uid, gid, fileMode, dirMode,
  /// metadataTTL, accessKeyID, secretAccessKey, sessionToken (upstream's names
  /// where it has one); and where they are not empty auth, role-arn,
  /// external-id, sts-endpoint, iam-api-key, iam-endpoint, service-instance-id.
  SecretData ToSecretData() const;

  /// kInvalidArgument, naming the key, for what is missing or wrong. Also
  /// takes a user's own Secret for a claim without a Dataset (upstream's
  /// csi-s3 format: the same keys; folder without slash rules).
  static Result<VolumeConfig> FromSecretData(const SecretData& data);
};

}  // namespace datashim::dataset
