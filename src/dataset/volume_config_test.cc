#include "dataset/volume_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

namespace datashim::dataset {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

SecretData Data(
    std::initializer_list<std::pair<const char*, const char*>> changes) {
  SecretData data;
  const std::pair<const char*, const char*> valid[] = {
      {"endpoint", "http://minio:9000"},
      {"bucket", "models"},
      {"accessKeyID", "AKID"},
      {"secretAccessKey", "hush-hush"}};
  for (const auto& [key, value] : valid) data[key] = SecretString(value);
  for (const auto& [key, value] : changes) {
    if (value == nullptr) {
      data.erase(key);
    } else {
      data.insert_or_assign(key, SecretString(value));
    }
  }
  return data;
}

TEST(VolumeConfigTest, WhatIsWrittenIsRead) {
  VolumeConfig config;
  config.endpoint = "https://s3.example.com:8443";
  config.bucket = "models";
  config.prefix = "team/llama/";
  config.region = "eu-de";
  config.read_only = true;
  config.path_style = false;
  config.ca_bundle_pem = std::string(100'000, 'P');
  config.insecure_skip_tls_verify = true;
  config.access_key_id = SecretString("AKID");
  config.secret_access_key = SecretString("hush-hush");
  config.session_token = SecretString("token");
  config.files = {.uid = 1000,
                  .gid = 0,
                  .file_mode = 0604,
                  .directory_mode = 0750,
                  .metadata_ttl = std::chrono::seconds(90)};

  const auto read = VolumeConfig::FromSecretData(config.ToSecretData());
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->endpoint, config.endpoint);
  EXPECT_EQ(read->bucket, config.bucket);
  EXPECT_EQ(read->prefix, config.prefix);
  EXPECT_EQ(read->region, config.region);
  EXPECT_TRUE(read->read_only);
  EXPECT_FALSE(read->path_style);
  EXPECT_EQ(read->ca_bundle_pem, config.ca_bundle_pem);
  EXPECT_TRUE(read->insecure_skip_tls_verify);
  EXPECT_EQ(read->access_key_id, config.access_key_id);
  EXPECT_EQ(read->secret_access_key, config.secret_access_key);
  EXPECT_EQ(read->session_token, config.session_token);
  EXPECT_EQ(read->files, config.files);
}

TEST(VolumeConfigTest, FolderIsWrittenAsUpstreamDoes) {
  VolumeConfig config;
  config.prefix = "team/llama/";
  EXPECT_EQ(config.ToSecretData()["folder"].Reveal(), "team/llama");
}

TEST(VolumeConfigTest, DefaultsOfAUsersOwnSecret) {
  const auto config = VolumeConfig::FromSecretData(
      Data({{"endpoint", nullptr}, {"readonly", ""}}));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->endpoint, "");
  EXPECT_EQ(config->prefix, "");
  EXPECT_FALSE(config->read_only);
  EXPECT_TRUE(config->path_style);
  EXPECT_FALSE(config->insecure_skip_tls_verify);
  EXPECT_EQ(config->files, FileOptions());
}

TEST(VolumeConfigTest, TolerantOfSlashesNewlinesAndOtherKeys) {
  const auto config =
      VolumeConfig::FromSecretData(Data({{"endpoint", "http://minio:9000/"},
                                         {"folder", "//a/b//"},
                                         {"accessKeyID", "AKID\n"},
                                         {"remove-on-delete", "false"}}));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->endpoint, "http://minio:9000");
  EXPECT_EQ(config->prefix, "a/b/");
  EXPECT_EQ(config->access_key_id.Reveal(), "AKID");
}

TEST(VolumeConfigTest, EmptyKeysAreAnonymous) {
  const auto config = VolumeConfig::FromSecretData(
      Data({{"accessKeyID", ""}, {"secretAccessKey", ""}}));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_TRUE(config->access_key_id.empty());
}

TEST(VolumeConfigTest, NamesTheWrongKeyAndHidesSecrets) {
  const std::string long_value(4097, 'a');
  const std::string long_key(17'000, 'k');
  const std::string long_host = "http://" + std::string(256, 'h');
  const std::string long_folder(1024, 'f');
  const std::string long_region(65, 'r');
  const std::pair<const char*, const char*> cases[] = {
      {"bucket", nullptr},
      {"bucket", "a"},
      {"bucket", "-models"},
      {"bucket", "models-"},
      {"bucket", "mo..dels"},
      {"bucket", "models/x"},
      {"bucket", long_value.c_str()},
      {"endpoint", "minio:9000"},
      {"endpoint", "ftp://minio"},
      {"endpoint", "http://"},
      {"endpoint", "http://minio:0"},
      {"endpoint", "http://minio:65536"},
      {"endpoint", "http://minio:"},
      {"endpoint", "http://user:pw@minio"},
      {"endpoint", "http://minio/bucket"},
      {"endpoint", "http://minio?x"},
      {"endpoint", "http://mi nio"},
      {"endpoint", "http://[::1"},
      {"endpoint", "http://[::1]x"},
      {"endpoint", "http://[::g ]"},
      {"endpoint", long_host.c_str()},
      {"folder", long_folder.c_str()},
      {"region", long_region.c_str()},
      {"folder", "a//b"},
      {"folder", "a/../b"},
      {"folder", "./a"},
      {"folder", "a\nb"},
      {"region", "us east"},
      {"readonly", "yes"},
      {"pathStyle", "no"},
      {"insecureSkipTLSVerify", "2"},
      {"uid", "-1"},
      {"gid", "x"},
      {"fileMode", "9"},
      {"dirMode", "0799"},
      {"metadataTTL", "1w"},
      {"accessKeyID", nullptr},
      {"accessKeyID", "with space"},
      {"accessKeyID", "new\nline"},
      {"accessKeyID", long_key.c_str()},
      {"accessKeyID", ""},
      {"secretAccessKey", nullptr},
      {"secretAccessKey", "\x80"},
      {"secretAccessKey", ""},
      {"sessionToken", "a b"}};
  for (const auto& [key, value] : cases) {
    const auto config = VolumeConfig::FromSecretData(Data({{key, value}}));
    ASSERT_FALSE(config.ok()) << key << "=" << (value ? value : "(absent)");
    EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(config.error().message, StartsWith(key));
    EXPECT_THAT(config.error().message, Not(HasSubstr("hush-hush")));
    EXPECT_THAT(config.error().message, Not(HasSubstr("with space")));
  }
}

TEST(VolumeConfigTest, TakesTheEndpointsThatExist) {
  for (const char* endpoint :
       {"http://127.0.0.1:9000", "http://[::1]:9000", "https://[fd00::1]",
        "https://s3.eu-de.cloud-object-storage.appdomain.cloud",
        "http://minio.minio.svc.cluster.local:9000", "http://my_host"}) {
    const auto config =
        VolumeConfig::FromSecretData(Data({{"endpoint", endpoint}}));
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->endpoint, endpoint);
  }
}

TEST(LocationIdTest, IsStableAcrossReleases) {
  // Mounts are found by it after an upgrade.
  VolumeConfig config;
  config.endpoint = "http://minio:9000";
  config.bucket = "models";
  EXPECT_EQ(config.LocationId(), "62fd951a777159f0");
}

TEST(LocationIdTest, DependsOnPlaceAndLookAndNothingElse) {
  VolumeConfig base;
  base.endpoint = "http://a";
  base.bucket = "bucket";
  base.prefix = "p/";
  base.region = "r";
  std::vector<VolumeConfig> others(13, base);
  others[0].endpoint = "http://b";
  others[1].bucket = "bucket2";
  others[2].prefix = "";
  others[3].region = "";
  others[4].region = "s";
  others[5].prefix = "";
  others[5].region = "p/r";  // The parts must not run together.
  // How it is reached and shown: mounts from before a change stay as they are.
  others[6].path_style = false;
  others[7].ca_bundle_pem = "PEM";
  others[8].insecure_skip_tls_verify = true;
  others[9].files.uid = 1;
  others[10].files.file_mode = 0600;
  others[11].files.directory_mode = 0700;
  others[12].files.metadata_ttl = std::chrono::seconds(0);
  for (const VolumeConfig& other : others) {
    EXPECT_NE(other.LocationId(), base.LocationId());
  }
  VolumeConfig same = base;
  same.read_only = true;
  same.access_key_id = SecretString("rotated");
  same.secret_access_key = SecretString("rotated");
  EXPECT_EQ(same.LocationId(), base.LocationId());
}

}  // namespace
}  // namespace datashim::dataset
