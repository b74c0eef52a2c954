#include "volume/volume_credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <string>
#include <vector>

#include "base/testing/eventually.h"
#include "net/http_server.h"

namespace datashim::volume {
namespace {

using dataset::Auth;
using dataset::PodIdentity;
using dataset::VolumeConfig;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

// A server of credentials that knows the token "good" and no other.
class VolumeCredentialsTest : public ::testing::Test {
 protected:
  VolumeCredentialsTest() {
    auto server = net::HttpServer::Start(
        {},
        [this](const net::HttpRequest& request) { return Answer(request); });
    DS_CHECK(server.ok());
    server_ = *std::move(server);
    url_ = "http://127.0.0.1:" + std::to_string(server_->port());
    rules_.web_identity_audience = "sts";
    rules_.sts_endpoints = {url_};
    rules_.pod_identity = true;
    rules_.pod_identity_url = url_ + "/agent";
  }

  net::HttpResponse Answer(const net::HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    bodies_.push_back(request.body);
    if (request.path == "/agent") {
      const bool good = request.headers.Get("Authorization") == "good";
      return {.status = good ? 200 : 400,
              .headers = {},
              .body = R"({"AccessKeyId":"ASIAAGENT","SecretAccessKey":"s",)"
                      R"("Token":"t","Expiration":"2199-01-01T00:00:00Z"})"};
    }
    if (request.body.find("WebIdentityToken=good") == std::string::npos &&
        request.body.find("Action=AssumeRole&") == std::string::npos) {
      return {.status = 400,
              .headers = {},
              .body =
                  "<ErrorResponse><Error><Code>ExpiredTokenException"
                  "</Code></Error></ErrorResponse>"};
    }
    return {.status = 200,
            .headers = {},
            .body =
                "<R><R><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>"
                "<SecretAccessKey>s</SecretAccessKey><SessionToken>t"
                "</SessionToken><Expiration>2199-01-01T00:00:00Z"
                "</Expiration></Credentials></R></R>"};
  }
  std::string last_body() {
    const std::lock_guard lock(mutex_);
    return bodies_.empty() ? "" : bodies_.back();
  }

  VolumeConfig WebIdentity() {
    VolumeConfig config;
    config.auth = Auth::kWebIdentity;
    config.role_arn = "arn:r";
    config.sts_endpoint = url_;
    return config;
  }
  static PodIdentity Pod(const std::string& token,
                         const std::string& audience = "sts") {
    return {.namespace_name = "team-a",
            .service_account = "reader",
            .tokens = {{audience, SecretString(token)}}};
  }
  static std::string IdOf(VolumeCredentials& credentials) {
    const auto keys = credentials.Get(Soon());
    return keys.ok() ? (*keys)->access_key_id.Reveal() : keys.error().message;
  }
  Error NoCredentials(const VolumeConfig& config, const PodIdentity& pod) {
    const auto made = VolumeCredentials::Make(config, pod, rules_);
    EXPECT_FALSE(made.ok());
    return made.ok() ? Error{} : made.error();
  }

  std::mutex mutex_;
  std::vector<std::string> bodies_;
  std::unique_ptr<net::HttpServer> server_;
  std::string url_;
  TokenRules rules_;
};

TEST_F(VolumeCredentialsTest, KeysAreGivenAsTheyAre) {
  VolumeConfig config;
  auto credentials = VolumeCredentials::Make(config);
  ASSERT_TRUE(credentials.ok()) << credentials.error().message;
  EXPECT_TRUE((*(*credentials)->Get(Soon()))->anonymous());
  config.access_key_id = SecretString("AKID");
  EXPECT_TRUE((*credentials)->Update(config).ok());
  EXPECT_EQ(IdOf(**credentials), "AKID");
  EXPECT_TRUE((*credentials)->Renew({})) << "there are other ones by now";
  EXPECT_FALSE((*credentials)->Renew(**(*credentials)->Get(Soon())));
}

TEST_F(VolumeCredentialsTest, KeysAssumeARole) {
  VolumeConfig config;
  config.access_key_id = SecretString("AKID");
  config.secret_access_key = SecretString("hush");
  config.role_arn = "arn:r";
  config.external_id = "us";
  config.sts_endpoint = url_;
  const auto credentials = VolumeCredentials::Make(config);
  ASSERT_TRUE(credentials.ok()) << credentials.error().message;
  EXPECT_EQ(IdOf(**credentials), "ASIAROLE");
  EXPECT_THAT(last_body(),
              AllOf(HasSubstr("RoleArn=arn%3Ar"), HasSubstr("ExternalId=us")));
}

TEST_F(VolumeCredentialsTest, PodsAssumeARoleByTheirToken) {
  const auto credentials =
      VolumeCredentials::Make(WebIdentity(), Pod("good"), rules_);
  ASSERT_TRUE(credentials.ok()) << credentials.error().message;
  EXPECT_EQ(IdOf(**credentials), "ASIAROLE");
  EXPECT_THAT(last_body(), HasSubstr("RoleSessionName=datashim.team-a.reader"));
}

TEST_F(VolumeCredentialsTest, ANewTokenEndsAFailure) {
  const auto credentials =
      VolumeCredentials::Make(WebIdentity(), Pod("old"), rules_);
  ASSERT_TRUE(credentials.ok()) << credentials.error().message;
  EXPECT_THAT(IdOf(**credentials), HasSubstr("ExpiredTokenException"));
  EXPECT_TRUE((*credentials)->UpdateToken(Pod("good")).ok());
  EXPECT_TRUE(
      testing::Eventually([&] { return IdOf(**credentials) == "ASIAROLE"; }));
  // A republish without change asks nobody.
  const std::size_t before = bodies_.size();
  EXPECT_TRUE((*credentials)->Update(WebIdentity(), Pod("good")).ok());
  EXPECT_TRUE((*credentials)->Update(WebIdentity(), Pod("newer")).ok());
  EXPECT_EQ(IdOf(**credentials), "ASIAROLE");
  EXPECT_EQ(bodies_.size(), before);
}

TEST_F(VolumeCredentialsTest, PodIdentityAsksTheAgent) {
  VolumeConfig config;
  config.auth = Auth::kPodIdentity;
  const auto credentials = VolumeCredentials::Make(
      config, Pod("good", kPodIdentityAudience), rules_);
  ASSERT_TRUE(credentials.ok()) << credentials.error().message;
  EXPECT_EQ(IdOf(**credentials), "ASIAAGENT");
  EXPECT_THAT(NoCredentials(config, Pod("good")).message,
              HasSubstr("iam.podIdentity"));
}

TEST_F(VolumeCredentialsTest, NobodyButAPodOpensWhatIsForPods) {
  EXPECT_EQ(NoCredentials(WebIdentity(), {}).code,
            ErrorCode::kFailedPrecondition);
  EXPECT_THAT(NoCredentials(WebIdentity(), Pod("good", "other")).message,
              HasSubstr("iam.webIdentityAudience"));
  rules_.web_identity_audience.clear();
  EXPECT_THAT(NoCredentials(WebIdentity(), Pod("good", "")).message,
              HasSubstr("iam.webIdentityAudience"));
}

TEST_F(VolumeCredentialsTest, TokensGoOnlyWhereTheyMay) {
  rules_.sts_endpoints.clear();
  const Error error = NoCredentials(WebIdentity(), Pod("canary"));
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("iam.stsEndpoints"), Not(HasSubstr("canary"))));
  VolumeConfig region = WebIdentity();
  region.sts_endpoint.clear();
  region.region = "s3";  // https://sts.s3.amazonaws.com is somebody's bucket.
  EXPECT_EQ(NoCredentials(region, Pod("canary")).code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(last_body(), "");
}

TEST_F(VolumeCredentialsTest, AFailedUpdateChangesNothing) {
  const auto credentials =
      VolumeCredentials::Make(WebIdentity(), Pod("good"), rules_);
  ASSERT_TRUE(credentials.ok()) << credentials.error().message;
  EXPECT_FALSE((*credentials)->Update(WebIdentity(), {}).ok());
  VolumeConfig elsewhere = WebIdentity();
  elsewhere.sts_endpoint = "https://sts.example.com";
  EXPECT_FALSE((*credentials)->Update(elsewhere, Pod("good")).ok());
  EXPECT_EQ(IdOf(**credentials), "ASIAROLE");
}

}  // namespace
}  // namespace datashim::volume
