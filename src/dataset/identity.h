// Identity: the rules for who opens a bucket: keys, a role, an API key, or the
// pod's own ServiceAccount. Shared by the Dataset's spec and the volume Secret.
// Pure. Messages of the parsers do not name the key: the caller wraps them.

#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dataset/volume_config.h"

namespace datashim::dataset {

/// "keys", "web-identity" or "pod-identity".
Result<Auth> ParseAuth(std::string_view text);
std::string_view AuthText(Auth auth);

/// @return kInvalidArgument unless it looks like "arn:aws:iam::1:role/name".
Status CheckRoleArn(std::string_view arn);
/// AWS's rules: 2 to 1,224 of letters, digits and +=,.@:/-_.
Status CheckExternalId(std::string_view id);

/// What goes together: whether the identity of `config` can be one, but for
/// keys that are still in the owner's Secret.
/// @return kInvalidArgument, naming the key.
Status CheckIdentity(const VolumeConfig& config);

/// Where an API key's bearer tokens may be sent: to IBM Cloud Object Storage,
/// over https.
bool IsIbmStore(std::string_view endpoint);

/// Whether tokens of pods may be sent to this STS: AWS's own, or one of
/// `allowed` (URLs).
/// @return kPermissionDenied, naming what the administrator can change.
Status CheckStsEndpoint(std::string_view url,
                        std::span<const std::string> allowed);

}  // namespace datashim::dataset
