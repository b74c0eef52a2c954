// CSI volumes as places in the buckets of a real MinIO.

#include "csi_controller/bucket_volumes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "minio.h"
#include "s3/client.h"
#include "volume/bucket_client.h"

namespace datashim::integration {
namespace {

using csi_controller::BucketVolumes;
using csi_controller::VolumeIdOf;
using ::testing::HasSubstr;

Minio& Server() {
  static const std::unique_ptr<Minio> server =
      Minio::Start(Minio::Protocol::kHttp).value();
  return *server;
}

dataset::VolumeConfig ConfigOf(const std::string& bucket,
                               const std::string& prefix = "") {
  dataset::VolumeConfig config;
  config.endpoint = Server().url();
  config.bucket = bucket;
  config.prefix = prefix;
  config.access_key_id = SecretString(Minio::kAccessKey);
  config.secret_access_key = SecretString(Minio::kSecretKey);
  return config;
}

bool Exists(const std::string& bucket) {
  const auto config = ConfigOf(bucket);
  const auto client =
      s3::S3Client::Make(volume::S3ConfigOf(config),
                         std::make_shared<s3::UpdatableCredentials>(
                             volume::CredentialsOf(config)))
          .value();
  return client
      ->ProbeBucket(bucket, "", Deadline::After(std::chrono::seconds(10)))
      .ok();
}

TEST(BucketVolumesTest, CreateMakesAMissingBucketOnceAndAnswersTheSame) {
  BucketVolumes volumes;
  const auto config = ConfigOf("made-by-create");
  const csi::CreateVolumeRequest request = {"pvc-1", 1 << 30,
                                            config.ToSecretData()};
  ASSERT_FALSE(Exists("made-by-create"));
  const auto first = volumes.Create(request);
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_TRUE(Exists("made-by-create"));
  EXPECT_EQ(first->capacity_bytes, std::uint64_t{1} << 30);
  const auto second = volumes.Create(request);
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_EQ(second->volume_id, first->volume_id);
  EXPECT_TRUE(volumes.Validate(first->volume_id, request.secrets).ok());
}

TEST(BucketVolumesTest, NamesAndPlacesAreToldApart) {
  const auto config = ConfigOf("bucket", "a/");
  EXPECT_NE(VolumeIdOf(config, "pvc-1"), VolumeIdOf(config, "pvc-2"));
  EXPECT_NE(VolumeIdOf(config, "pvc-1"),
            VolumeIdOf(ConfigOf("bucket", "b/"), "pvc-1"));
  EXPECT_LE(VolumeIdOf(config, std::string(128, 'n')).size(), 128u);
  auto changed = config;
  changed.region = "eu-de";
  changed.session_token = SecretString("token");
  changed.insecure_skip_tls_verify = true;
  EXPECT_EQ(VolumeIdOf(changed, "pvc-1"), VolumeIdOf(config, "pvc-1"));
}

TEST(BucketVolumesTest, AVolumeOfAnotherPlaceOrALostBucketIsNotFound) {
  BucketVolumes volumes;
  const auto config = ConfigOf("never-made");
  const std::string other = VolumeIdOf(ConfigOf("never-made", "x/"), "pvc-1");
  const auto secrets = config.ToSecretData();
  EXPECT_EQ(volumes.Validate(other, secrets).error().code,
            ErrorCode::kNotFound);
  EXPECT_EQ(volumes.Validate(VolumeIdOf(config, "pvc-1"), secrets).error().code,
            ErrorCode::kNotFound);
}

TEST(BucketVolumesTest, WrongKeysAreSaidAndNothingIsMade) {
  BucketVolumes volumes;
  auto config = ConfigOf("not-made");
  config.secret_access_key = SecretString("wrong-secret");
  const auto created = volumes.Create({"pvc-1", 0, config.ToSecretData()});
  ASSERT_FALSE(created.ok());
  EXPECT_EQ(created.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(created.error().message, HasSubstr("not-made"));
  EXPECT_FALSE(Exists("not-made"));
}

TEST(BucketVolumesTest, DeleteKeepsTheObjects) {
  BucketVolumes volumes;
  const auto config = ConfigOf("kept");
  const auto created = volumes.Create({"pvc-1", 0, config.ToSecretData()});
  ASSERT_TRUE(created.ok()) << created.error().message;
  EXPECT_TRUE(volumes.Delete(created->volume_id, {}).ok());
  EXPECT_TRUE(volumes.Delete(created->volume_id, {}).ok());
  EXPECT_TRUE(Exists("kept"));
}

}  // namespace
}  // namespace datashim::integration
