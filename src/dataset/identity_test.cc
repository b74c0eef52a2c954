// Who opens a bucket: what a Dataset and a Secret may say of it together.

#include "dataset/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataset/pod_identity.h"
#include "dataset/policy.h"
#include "dataset/validation.h"

namespace datashim::dataset {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr char kRole[] = "arn:aws:iam::123456789012:role/models/reader";

Dataset Make(StringMap local) {
  Dataset dataset;
  dataset.name = "data";
  dataset.namespace_name = "staging";
  local.insert({{"type", "COS"},
                {"endpoint", "https://s3.eu-de.amazonaws.com"},
                {"bucket", "models"}});
  dataset.local = std::move(local);
  return dataset;
}

SecretData Secret(const StringMap& texts) {
  SecretData data;
  for (const auto& [key, value] : texts) data[key] = SecretString(value);
  return data;
}

TEST(IdentityTest, PodsOpenABucketByTheirOwn) {
  auto spec = Validate(Make({{"auth", "web-identity"}, {"role-arn", kRole}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->bucket()->config.auth, Auth::kWebIdentity);
  EXPECT_EQ(spec->bucket()->config.role_arn, kRole);
  EXPECT_TRUE(spec->bucket()->config.IsOpenedByPods());
  spec = Validate(Make({{"auth", "pod-identity"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->bucket()->config.auth, Auth::kPodIdentity);
}

TEST(IdentityTest, KeysMayAssumeARole) {
  const auto spec = Validate(Make({{"secret-name", "keys"},
                                   {"role-arn", kRole},
                                   {"external-id", "us:1"},
                                   {"sts-endpoint", "https://sts.example"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  const auto config = WithKeysOf(
      *spec->bucket(),
      Secret({{"accessKeyID", "AKID"}, {"secretAccessKey", "hush"}}));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_FALSE(config->IsOpenedByPods());
  const auto stored = VolumeConfig::FromSecretData(config->ToSecretData());
  ASSERT_TRUE(stored.ok()) << stored.error().message;
  EXPECT_EQ(stored->role_arn, kRole);
  EXPECT_EQ(stored->external_id, "us:1");
  EXPECT_EQ(stored->sts_endpoint, "https://sts.example");
  EXPECT_EQ(stored->access_key_id.Reveal(), "AKID");
}

TEST(IdentityTest, WhatDoesNotGoTogetherIsNamed) {
  const std::pair<StringMap, const char*> cases[] = {
      {{{"auth", "iam"}}, "spec.local.auth"},
      {{{"auth", "web-identity"}}, "role-arn"},
      {{{"auth", "web-identity"}, {"role-arn", "reader"}}, "role-arn"},
      {{{"auth", "web-identity"}, {"role-arn", kRole}, {"secret-name", "k"}},
       "spec.local.auth"},
      {{{"auth", "web-identity"}, {"role-arn", kRole}, {"accessKeyID", ""}},
       "spec.local.auth"},
      {{{"auth", "web-identity"}, {"role-arn", kRole}, {"external-id", "us"}},
       "external-id"},
      {{{"auth", "web-identity"}, {"role-arn", kRole}, {"provision", "true"}},
       "spec.local.auth"},
      {{{"auth", "pod-identity"}, {"remove-on-delete", "true"}},
       "spec.local.auth"},
      {{{"auth", "pod-identity"}, {"role-arn", kRole}}, "role-arn"},
      {{{"secret-name", "k"}, {"external-id", "us"}}, "external-id"},
      {{{"secret-name", "k"}, {"role-arn", kRole}, {"external-id", "a b"}},
       "spec.local.external-id"},
      {{{"secret-name", "k"}, {"sts-endpoint", "https://sts"}}, "sts-endpoint"},
      {{{"secret-name", "k"}, {"role-arn", kRole}, {"sts-endpoint", "sts"}},
       "spec.local.sts-endpoint"},
      {{{"accessKeyID", ""}, {"secretAccessKey", ""}, {"role-arn", kRole}},
       "spec.local.role-arn"},
      {{}, "spec.local.secret-name"}};
  for (const auto& [local, field] : cases) {
    const auto spec = Validate(Make(local));
    ASSERT_FALSE(spec.ok()) << field;
    EXPECT_EQ(spec.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(spec.error().message,
                AllOf(StartsWith("spec.local"), HasSubstr(field)));
  }
}

TEST(IdentityTest, AnArchiveIsUnpackedWithKeys) {
  Dataset dataset = Make({{"auth", "pod-identity"}});
  dataset.type = "ARCHIVE";
  dataset.url = "https://example.com/a.tar";
  const auto spec = Validate(dataset);
  ASSERT_FALSE(spec.ok());
  EXPECT_THAT(spec.error().message, StartsWith("spec.local.auth"));
  dataset.local = StringMap{{"role-arn", kRole}};  // The operator's place.
  EXPECT_FALSE(Validate(dataset).ok());
}

TEST(IdentityTest, TheAdministratorAllowsTokensOfPods) {
  const Dataset dataset = Make({{"auth", "web-identity"},
                                {"role-arn", kRole},
                                {"sts-endpoint", "http://minio:9000"}});
  Policy policy;
  auto spec = Validate(dataset, policy);
  ASSERT_FALSE(spec.ok());
  EXPECT_EQ(spec.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(spec.error().message, HasSubstr("iam.stsEndpoints"));
  policy.sts_endpoints = {"http://minio:9000"};
  EXPECT_TRUE(Validate(dataset, policy).ok());
  policy.pod_auth = {"pod-identity"};
  spec = Validate(dataset, policy);
  ASSERT_FALSE(spec.ok());
  EXPECT_THAT(spec.error().message, HasSubstr("iam.webIdentityAudience"));
}

TEST(IdentityTest, OnlyAwssOwnStsGetsTokensUnasked) {
  for (const char* const url :
       {"https://sts.amazonaws.com", "https://sts.eu-west-1.amazonaws.com",
        "https://sts-fips.us-gov-east-1.amazonaws.com",
        "https://sts.cn-north-1.amazonaws.com.cn"}) {
    EXPECT_TRUE(CheckStsEndpoint(url, {}).ok()) << url;
  }
  for (const char* const url :
       {"http://sts.amazonaws.com", "https://sts.example.com",
        "https://sts.s3.amazonaws.com", "https://sts.elb.amazonaws.com",
        "https://sts.a.eu-west-1.amazonaws.com", "https://x.amazonaws.com",
        "https://evil-sts.amazonaws.com", "https://amazonaws.com",
        "https://sts.amazonaws.com:8443", "https://sts.amazonaws.com.evil.com",
        "https://sts.eu-west-1.amazonaws.com@evil.com", ""}) {
    EXPECT_FALSE(CheckStsEndpoint(url, {}).ok()) << url;
  }
}

TEST(ApiKeyTest, IsReadInPlaceOfKeys) {
  BucketSource bucket;
  bucket.secret_name = "keys";
  bucket.config.bucket = "models";
  bucket.config.endpoint =
      "https://s3.eu-de.cloud-object-storage.appdomain.cloud";
  const SecretData secret = Secret({{"iam-api-key", "the-key\n"},
                                    {"service-instance-id", "crn:v1:x::"},
                                    {"iam-endpoint", "https://iam.test"}});
  const auto config = WithKeysOf(bucket, secret);
  ASSERT_TRUE(config.ok()) << config.error().message;
  const auto stored = VolumeConfig::FromSecretData(config->ToSecretData());
  ASSERT_TRUE(stored.ok()) << stored.error().message;
  EXPECT_EQ(stored->iam_api_key.Reveal(), "the-key");
  EXPECT_EQ(stored->service_instance_id, "crn:v1:x::");
  EXPECT_EQ(stored->iam_endpoint, "https://iam.test");
  EXPECT_TRUE(stored->access_key_id.empty());
}

TEST(ApiKeyTest, WrongSecretsAreNamedAndNotShown) {
  BucketSource bucket;
  bucket.secret_name = "keys";
  bucket.config.endpoint =
      "https://s3.eu-de.cloud-object-storage.appdomain.cloud";
  const std::pair<StringMap, const char*> cases[] = {
      {{{"iam-api-key", "hush hush"}}, "iam-api-key"},
      {{{"iam-api-key", "hush"}, {"accessKeyID", "a"}}, "accessKeyID"},
      {{{"iam-api-key", "hush"}, {"iam-endpoint", "http://iam"}},
       "iam-endpoint"},
      {{{"iam-api-key", "hush"}, {"service-instance-id", "a\r\nb"}},
       "service-instance-id"}};
  for (const auto& [texts, key] : cases) {
    const auto config = WithKeysOf(bucket, Secret(texts));
    ASSERT_FALSE(config.ok()) << key;
    EXPECT_THAT(config.error().message,
                AllOf(HasSubstr("Secret keys"), HasSubstr(key),
                      Not(HasSubstr("hush"))));
  }
}

TEST(ApiKeyTest, ADatasetCannotSendTokensElsewhere) {
  BucketSource bucket;
  bucket.secret_name = "keys";
  for (const char* const endpoint :
       {"https://collector.example.com", "https://x.containers.appdomain.cloud",
        "http://s3.eu-de.cloud-object-storage.appdomain.cloud"}) {
    bucket.config.endpoint = endpoint;
    const auto config = WithKeysOf(bucket, Secret({{"iam-api-key", "k"}}));
    ASSERT_FALSE(config.ok()) << endpoint;
    EXPECT_THAT(config.error().message, HasSubstr(endpoint));
    EXPECT_TRUE(WithKeysOf(bucket, Secret({{"iam-api-key", "k"},
                                           {"endpoint", endpoint}}))
                    .ok())
        << "its owner said so";
  }
}

TEST(PodTokensTest, AreByAudience) {
  const auto tokens = ParsePodTokens(SecretString(
      R"({"sts.amazonaws.com":{"token":"eyJ.a.b","expirationTimestamp":"x"},)"
      R"("other":{"token":"t"}})"));
  ASSERT_TRUE(tokens.ok()) << tokens.error().message;
  ASSERT_THAT(*tokens, SizeIs(2));
  EXPECT_EQ(tokens->at("sts.amazonaws.com").Reveal(), "eyJ.a.b");
  EXPECT_THAT(*ParsePodTokens(SecretString()), SizeIs(0));
  EXPECT_THAT(*ParsePodTokens(SecretString("{}")), SizeIs(0));
}

TEST(PodTokensTest, WhatTheKubeletDoesNotSendIsRefusedAndNotShown) {
  for (const char* const text :
       {"hush", "[]", R"({"a":"hush"})", R"({"a":{}})", R"({"a":{"token":1}})",
        R"({"a":{"token":""}})", R"({"a":{"token":"hush hush"}})"}) {
    const auto tokens = ParsePodTokens(SecretString(text));
    ASSERT_FALSE(tokens.ok()) << text;
    EXPECT_THAT(tokens.error().message, Not(HasSubstr("hush")));
  }
}

}  // namespace
}  // namespace datashim::dataset
