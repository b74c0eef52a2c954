#include "volume/bucket_client.h"

namespace datashim::volume {

s3::S3Config S3ConfigOf(const dataset::VolumeConfig& config) {
  s3::S3Config result;
  result.endpoint = config.endpoint;
  result.region = config.region;
  result.path_style = config.path_style;
  result.tls.ca_bundle_pem = config.ca_bundle_pem;
  result.tls.insecure_skip_verify = config.insecure_skip_tls_verify;
  return result;
}

s3::Credentials CredentialsOf(const dataset::VolumeConfig& config) {
  return {.access_key_id = config.access_key_id,
          .secret_access_key = config.secret_access_key,
          .session_token = config.session_token};
}

}  // namespace datashim::volume
