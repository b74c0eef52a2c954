// Keys: the credentials in a Secret, under upstream's names or those of AWS's
// own tools. Pure.

#pragma once

#include "base/result.h"
#include "dataset/volume_config.h"

namespace datashim::dataset {

/// Sets the keys of `config`: accessKeyID and secretAccessKey (both must be
/// there; both empty is anonymous), and sessionToken if it is there; or
/// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. White space
/// around a key, such as the newline of `echo key | base64`, is dropped.
/// @return kInvalidArgument, naming the key and not its value.
Status ReadKeys(const SecretData& data, VolumeConfig& config);

}  // namespace datashim::dataset
