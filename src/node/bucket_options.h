// The bucket that a command line names: its configuration and credentials.

#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/volume_config.h"
#include "s3/credentials.h"

namespace datashim::node {

/// What commands say of a bucket. Credentials come from the default chain
/// (credentials/default_chain.h).
struct BucketOptions {
  std::string source;        ///< s3://bucket[/prefix]
  std::string endpoint_url;  ///< Empty: AWS.
  std::string region;        ///< Empty: discovered.
  bool virtual_host_style = false;
  std::string ca_bundle_path;
  bool no_sign_request = false;  ///< Anonymous.
};

/// Without credentials. Reads the CA bundle.
/// @return kInvalidArgument for a source that is none, and what reading the
///     bundle says.
Result<dataset::VolumeConfig> VolumeConfigOf(const BucketOptions& options);

/// What the default chain finds; asked once, so that a command without any ends
/// with an advice.
Result<std::shared_ptr<s3::CredentialProvider>> CredentialsOf(
    const BucketOptions& options, Deadline deadline);

}  // namespace datashim::node
