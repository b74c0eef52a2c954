// Roles of a real Security Token Service, MinIO's, and the buckets they open.

#include "credentials/sts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "credentials/default_chain.h"
#include "credentials/refreshing_credentials.h"
#include "minio.h"
#include "oidc_issuer.h"
#include "s3/client.h"
#include "s3/object_store.h"

namespace datashim::integration {
namespace {

using credentials::RefreshingCredentials;
using credentials::RoleOptions;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kBucket[] = "roles";
constexpr char kAudience[] = "sts.minio";

Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

OidcIssuer& Issuer() {
  static OidcIssuer issuer;
  return issuer;
}

Minio& Server() {
  static const std::unique_ptr<Minio> server = [] {
    auto started = Minio::Start(
        Minio::Protocol::kHttp,
        {"MINIO_IDENTITY_OPENID_CONFIG_URL=" + Issuer().discovery_url(),
         std::string("MINIO_IDENTITY_OPENID_CLIENT_ID=") + kAudience,
         "MINIO_IDENTITY_OPENID_CLAIM_NAME=policy"});
    if (!started.ok()) ADD_FAILURE() << started.error().message;
    DS_CHECK(started.ok());
    return std::move(started).value();
  }();
  return *server;
}

std::shared_ptr<s3::CredentialProvider> RootKeys() {
  return std::make_shared<s3::UpdatableCredentials>(s3::Credentials{
      SecretString(Minio::kAccessKey), SecretString(Minio::kSecretKey), {}});
}

std::shared_ptr<s3::S3Client> ClientOf(
    std::shared_ptr<s3::CredentialProvider> credentials) {
  s3::S3Config config;
  config.endpoint = Server().url();
  return s3::S3Client::Make(config, std::move(credentials)).value();
}

std::shared_ptr<s3::CredentialProvider> Refreshed(
    Result<std::unique_ptr<credentials::CredentialSource>> source) {
  EXPECT_TRUE(source.ok()) << source.error().message;
  return std::make_shared<RefreshingCredentials>(std::move(source).value());
}

Status Put(const std::shared_ptr<s3::CredentialProvider>& credentials) {
  const auto store =
      s3::MakeObjectStore(ClientOf(credentials), kBucket, "").value();
  const std::string text = "content";
  auto put = store->Put("key", std::as_bytes(std::span(text)), {}, Soon());
  if (put.ok()) return OkStatus();
  return std::move(put).error();
}

class StsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status made = ClientOf(RootKeys())->CreateBucket(kBucket, {}, Soon());
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  static RoleOptions Options() { return {.endpoint = Server().url()}; }
  static credentials::TokenReader TokenWith(
      const std::string& policy,
      std::chrono::seconds lifetime = std::chrono::minutes(10)) {
    return [=]() -> Result<SecretString> {
      return Issuer().Token({.audience = kAudience,
                             .subject = "system:serviceaccount:ns:sa",
                             .policy = policy,
                             .lifetime = lifetime});
    };
  }
};

TEST_F(StsTest, AssumeRoleGivesKeysThatEnd) {
  const auto source = credentials::MakeAssumeRole(Options(), RootKeys());
  ASSERT_TRUE(source.ok()) << source.error().message;
  const auto fetched = (*source)->Fetch(Soon());
  ASSERT_TRUE(fetched.ok()) << fetched.error().message;
  EXPECT_FALSE(fetched->credentials.session_token.empty());
  EXPECT_NE(fetched->credentials.access_key_id.Reveal(), Minio::kAccessKey);
  EXPECT_GT(*fetched->lifetime, std::chrono::minutes(14));
  EXPECT_LT(*fetched->lifetime, std::chrono::hours(25));
  const Status put =
      Put(Refreshed(credentials::MakeAssumeRole(Options(), RootKeys())));
  EXPECT_TRUE(put.ok()) << put.error().message;
}

TEST_F(StsTest, AssumeRoleWithWrongKeysIsDenied) {
  const auto wrong = std::make_shared<s3::UpdatableCredentials>(s3::Credentials{
      SecretString(Minio::kAccessKey), SecretString("canary-secret"), {}});
  const Status put =
      Put(Refreshed(credentials::MakeAssumeRole(Options(), wrong)));
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(put.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(put.error().message, HasSubstr("AssumeRole at http://"));
  EXPECT_THAT(put.error().message, Not(HasSubstr("canary-secret")));
}

TEST_F(StsTest, AWebIdentityGetsWhatItsPolicyAllows) {
  const Status put = Put(Refreshed(
      credentials::MakeWebIdentity(Options(), TokenWith("readwrite"))));
  EXPECT_TRUE(put.ok()) << put.error().message;

  const auto reader =
      Refreshed(credentials::MakeWebIdentity(Options(), TokenWith("readonly")));
  const Status refused = Put(reader);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  const auto store = s3::MakeObjectStore(ClientOf(reader), kBucket, "").value();
  const auto head = store->Head("key", Soon());
  EXPECT_TRUE(head.ok()) << head.error().message;
}

TEST_F(StsTest, ATokenThatHasEndedIsRefusedAndNotShown) {
  const auto source = credentials::MakeWebIdentity(
      Options(), TokenWith("readwrite", -std::chrono::minutes(1)));
  const auto fetched = (*source)->Fetch(Soon());
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(fetched.error().message, Not(HasSubstr("eyJ")));
}

TEST_F(StsTest, TheChainAssumesTheRoleOfAProfile) {
  const credentials::Environment environment{
      [](const char* name) -> std::string {
        const std::string_view asked = name;
        if (asked == "AWS_PROFILE") return "reader";
        if (asked == "AWS_ENDPOINT_URL_STS") return Server().url();
        return "";
      },
      [](const std::string& path) -> Result<std::string> {
        if (!path.ends_with("/.aws/config")) {
          return Error{ErrorCode::kNotFound, path};
        }
        return "[profile reader]\nrole_arn = arn:minio:iam:::role/x\n"
               "source_profile = base\n[profile base]\naws_access_key_id = " +
               std::string(Minio::kAccessKey) +
               "\naws_secret_access_key = " + Minio::kSecretKey + "\n";
      }};
  const auto plan = credentials::PlanCredentials(environment);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  const auto provider = credentials::MakeCredentials(*plan, environment);
  ASSERT_TRUE(provider.ok()) << provider.error().message;
  const auto keys = (*provider)->Get(Soon());
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  EXPECT_FALSE((*keys)->session_token.empty());
  const Status put = Put(*provider);
  EXPECT_TRUE(put.ok()) << put.error().message;
}

}  // namespace
}  // namespace datashim::integration
