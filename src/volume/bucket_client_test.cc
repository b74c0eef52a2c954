#include "volume/bucket_client.h"

#include <gtest/gtest.h>

namespace datashim::volume {
namespace {

TEST(BucketClientTest, EveryFieldOfTheConfigArrives) {
  dataset::VolumeConfig config;
  config.endpoint = "https://s3.example:9000";
  config.region = "eu-de";
  config.path_style = false;
  config.ca_bundle_pem = "pem";
  config.insecure_skip_tls_verify = true;
  config.access_key_id = SecretString("id");
  config.secret_access_key = SecretString("key");
  config.session_token = SecretString("token");

  const s3::S3Config s3 = S3ConfigOf(config);
  EXPECT_EQ(s3.endpoint, config.endpoint);
  EXPECT_EQ(s3.region, config.region);
  EXPECT_FALSE(s3.path_style);
  EXPECT_EQ(s3.tls.ca_bundle_pem, "pem");
  EXPECT_TRUE(s3.tls.insecure_skip_verify);
  const s3::Credentials keys = CredentialsOf(config);
  EXPECT_EQ(keys.access_key_id.Reveal(), "id");
  EXPECT_EQ(keys.secret_access_key.Reveal(), "key");
  EXPECT_EQ(keys.session_token.Reveal(), "token");
}

}  // namespace
}  // namespace datashim::volume
