// Keys: the credentials in a Secret, under upstream's names or those of AWS's
// own tools, or an API key of IBM Cloud. Pure.

#pragma once

#include "base/result.h"
#include "dataset/volume_config.h"

namespace datashim::dataset {

/// Sets the keys of `config`: accessKeyID and secretAccessKey (both must be
/// there; both empty is anonymous), and sessionToken if it is there; or
/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. White space
/// around a key, such as the newline of `echo key | base64`, is dropped.
/// Or iam-api-key, with service-instance-id and iam-endpoint, in place of them.
/// Where pods open the bucket (config.auth), there need be none.
/// @return kInvalidArgument, naming the key and not its value.
Status ReadKeys(const SecretData& data, VolumeConfig& config);

}  // namespace datashim::dataset
