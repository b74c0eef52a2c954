// The S3 client of a volume: the one place that knows how a VolumeConfig, which
// the operator writes, becomes the options of src/s3. Opens no connection.

#pragma once

#include "dataset/volume_config.h"
#include "s3/client.h"
#include "s3/credentials.h"

namespace datashim::volume {

/// Endpoint, region, address style and TLS of `config`; the limits are the
/// defaults of S3Config, for the caller to change.
s3::S3Config S3ConfigOf(const dataset::VolumeConfig& config);

/// The keys of `config`; all empty is anonymous.
s3::Credentials CredentialsOf(const dataset::VolumeConfig& config);

}  // namespace datashim::volume
