// VolumeConfig: what a node needs to open one volume. The operator writes it
// into the volume Secret `vol-<uid>` in its own namespace; kubelet hands that
// Secret to `node` at stage and at every (re)publish. The keys of the Secret
// are the wire format between operator and node, parsed here and nowhere else.

#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "base/secret.h"

namespace datashim::dataset {

/// The data of a Secret, base64 decoded.
using SecretData = std::map<std::string, SecretString, std::less<>>;

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

  SecretString access_key_id;  ///< Empty, with secret_access_key: anonymous.
  SecretString secret_access_key;
  SecretString session_token;

  /// Identifies the place (endpoint, bucket, prefix, region), not the keys:
  /// one FUSE mount per (volume, location). 16 hex digits of XXH64 or SHA-256.
  std::string LocationId() const;

  /// The Secret's data: keys endpoint, bucket, folder, region, readonly,
  /// pathStyle, caBundle, insecureSkipTLSVerify, accessKeyID, secretAccessKey,
  /// sessionToken (upstream's names where it has one).
  SecretData ToSecretData() const;

  /// kInvalidArgument, naming the key, for what is missing or wrong. Also
  /// takes a user's own Secret for a claim without a Dataset (upstream's
  /// csi-s3 format: the same keys; folder without slash rules).
  static Result<VolumeConfig> FromSecretData(const SecretData& data);
};

}  // namespace datashim::dataset
