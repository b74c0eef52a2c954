// The sources for which no server runs here (IMDSv2, container endpoints, IBM
// Cloud IAM), and what no STS answers on request, against small strict servers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "credentials/container.h"
#include "credentials/ibm_iam.h"
#include "credentials/instance_metadata.h"
#include "credentials/sts.h"
#include "net/http_server.h"
#include "net/testing/certificates.h"

namespace datashim::credentials {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using std::chrono::hours;
using std::chrono::minutes;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

HttpResponse Answer(int status, std::string body, std::string date = "") {
  HttpResponse response{.status = status, .headers = {}, .body = body};
  if (!date.empty()) response.headers.Add("Date", date);
  return response;
}

// FakeClock's wall clock says 2023-11-14T22:13:20Z; this is an hour later.
constexpr char kKeysJson[] =
    R"({"AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t",)"
    R"("Expiration":"2023-11-14T23:13:20Z"})";

class SourcesTest : public ::testing::Test {
 protected:
  void Serve(std::function<HttpResponse(const HttpRequest&)> handler) {
    auto server = net::HttpServer::Start(
        {}, [this, handler = std::move(handler)](const HttpRequest& request) {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
          return handler(request);
        });
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = *std::move(server);
    url_ = "http://127.0.0.1:" + std::to_string(server_->port());
  }

  static void ExpectKeys(const Result<FetchedCredentials>& fetched,
                         Duration lifetime) {
    ASSERT_TRUE(fetched.ok()) << fetched.error().message;
    EXPECT_EQ(fetched->credentials.access_key_id.Reveal(), "ASIA");
    EXPECT_EQ(fetched->credentials.session_token.Reveal(), "t");
    EXPECT_EQ(fetched->lifetime, lifetime);
  }

  FakeClock clock_;
  std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::unique_ptr<net::HttpServer> server_;
  std::string url_;
};

// EC2's metadata service with IMDSv1 switched off.
HttpResponse InstanceMetadata(const HttpRequest& request) {
  if (request.path == "/latest/api/token") {
    if (request.method != "PUT" ||
        request.headers.Get("X-aws-ec2-metadata-token-ttl-seconds") != "60") {
      return Answer(400, "");
    }
    return Answer(200, "session-token==");
  }
  if (request.method != "GET" ||
      request.headers.Get("X-aws-ec2-metadata-"
                          "token") != "session-token==") {
    return Answer(401, "");
  }
  const std::string roles = "/latest/meta-data/iam/security-credentials/";
  if (request.path == roles) return Answer(200, "my-role");
  if (request.path == roles + "my-role") return Answer(200, kKeysJson);
  return Answer(404, "");
}

TEST_F(SourcesTest, InstanceMetadataIsVersionTwo) {
  Serve(InstanceMetadata);
  const auto source = MakeInstanceCredentials(url_, clock_);
  ASSERT_TRUE(source.ok()) << source.error().message;
  ExpectKeys((*source)->Fetch(Soon()), hours(1));
  EXPECT_EQ(requests_.size(), 3u);
}

TEST_F(SourcesTest, AnInstanceWithoutTokensIsNotAskedTheOldWay) {
  Serve([](const HttpRequest& request) {
    return request.method == "PUT" ? Answer(403, "") : Answer(200, kKeysJson);
  });
  const auto fetched = (*MakeInstanceCredentials(url_, clock_))->Fetch(Soon());
  EXPECT_EQ(fetched.error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(SourcesTest, AnInstanceWithoutARoleSaysSo) {
  Serve([](const HttpRequest& request) {
    return request.method == "PUT" ? Answer(200, "token") : Answer(404, "");
  });
  const auto fetched = (*MakeInstanceCredentials(url_, clock_))->Fetch(Soon());
  EXPECT_THAT(fetched.error().message, HasSubstr("no role"));
}

TEST_F(SourcesTest, ContainersSendTheCurrentToken) {
  Serve([](const HttpRequest& request) {
    if (request.path != "/v1/credentials" || request.query != "id=1") {
      return Answer(404, "");
    }
    return request.headers.Get("Authorization") == "token-2"
               ? Answer(200, kKeysJson)
               : Answer(400, R"({"code":"InvalidToken","message":"token-1"})");
  });
  int reads = 0;
  const auto source = MakeContainerCredentials(
      url_ + "/v1/credentials?id=1",
      [&]() -> Result<SecretString> {
        return SecretString("token-" + std::to_string(++reads));
      },
      clock_);
  ASSERT_TRUE(source.ok()) << source.error().message;
  const auto refused = (*source)->Fetch(Soon());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("InvalidToken"), Not(HasSubstr("token-1"))));
  ExpectKeys((*source)->Fetch(Soon()), hours(1));
}

TEST_F(SourcesTest, LifetimesAreByTheServersClock) {
  // The server is 40 minutes behind us.
  Serve([](const HttpRequest&) {
    return Answer(200, kKeysJson, "Tue, 14 Nov 2023 21:33:20 GMT");
  });
  const auto source =
      MakeContainerCredentials(url_ + "/", /*token=*/{}, clock_);
  ExpectKeys((*source)->Fetch(Soon()), minutes(100));
}

TEST_F(SourcesTest, CredentialsThatHaveEndedAreNone) {
  Serve([](const HttpRequest&) { return Answer(200, kKeysJson); });
  clock_.SetWall(clock_.WallNow() + hours(1));
  const auto source =
      MakeContainerCredentials(url_ + "/", /*token=*/{}, clock_);
  EXPECT_EQ((*source)->Fetch(Soon()).error().code, ErrorCode::kUnavailable);
}

TEST_F(SourcesTest, ContainersAreAskedHereOrOverHttps) {
  const auto check = [](const char* url) {
    return CheckContainerUrl(*net::ParseUrl(url)).ok();
  };
  for (const char* const url :
       {"http://127.0.0.1/", "http://127.9.9.9:80/", "http://localhost/",
        "http://[::1]/", "http://169.254.170.2/v2", "http://169.254.170.23/",
        "http://[fd00:ec2::23]/", "https://example.com/"}) {
    EXPECT_TRUE(check(url)) << url;
  }
  for (const char* const url :
       {"http://example.com/", "http://127.0.0.1.example.com/",
        "http://127.example.com/", "http://169.254.169.254/",
        "http://localhost.example.com/", "http://[fd00:ec2::254]/"}) {
    EXPECT_FALSE(check(url)) << url;
  }
}

std::shared_ptr<s3::CredentialProvider> Keys() {
  return std::make_shared<s3::UpdatableCredentials>(
      s3::Credentials{SecretString("AKID"), SecretString("hunter2"), {}});
}

TEST_F(SourcesTest, ASkewedClockIsFoundByTheDateOfTheRefusal) {
  // Ours says 22:13.
  Serve([](const HttpRequest& request) {
    const bool fresh = request.headers.Get("X-Amz-Date") == "20231115T001320Z";
    return Answer(fresh ? 500 : 403,
                  "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code>"
                  "<Message>Signature expired</Message></Error>"
                  "</ErrorResponse>",
                  "Wed, 15 Nov 2023 00:13:20 GMT");
  });
  const auto source = MakeAssumeRole({.endpoint = url_}, Keys(), clock_);
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_EQ((*source)->Fetch(Soon()).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(SourcesTest, AssumeRoleSendsWhatItIsToldAndNoSecret) {
  Serve([](const HttpRequest&) {
    return Answer(403,
                  "<ErrorResponse><Error><Code>AccessDenied</Code>"
                  "<Message>not authorized</Message></Error></ErrorResponse>");
  });
  const auto source = MakeAssumeRole({.endpoint = url_,
                                      .region = "eu-west-1",
                                      .role_arn = "arn:aws:iam::1:role/r",
                                      .external_id = "a b&c",
                                      .session_name = "s",
                                      .duration = std::chrono::seconds(900)},
                                     Keys(), clock_);
  const auto fetched = (*source)->Fetch(Soon());
  EXPECT_EQ(fetched.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(fetched.error().message,
              AllOf(HasSubstr("AccessDenied"), HasSubstr("not authorized")));
  EXPECT_EQ(requests_[0].body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%"
            "3A1%3Arole%2Fr&RoleSessionName=s&DurationSeconds=900&ExternalId="
            "a%20b%26c");
  EXPECT_THAT(std::string(requests_[0].headers.Get("Authorization")),
              HasSubstr("AKID/20231114/eu-west-1/sts/aws4_request"));
}

TEST_F(SourcesTest, AServerThatRepeatsTheTokenIsNotQuoted) {
  Serve([](const HttpRequest&) {
    return Answer(400,
                  "<ErrorResponse><Error><Code>InvalidIdentityToken</Code>"
                  "<Message>the-token</Message></Error></ErrorResponse>");
  });
  const auto source = MakeWebIdentity(
      {.endpoint = url_},
      []() -> Result<SecretString> { return SecretString("the-token"); },
      clock_);
  const auto fetched = (*source)->Fetch(Soon());
  EXPECT_EQ(fetched.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(fetched.error().message, AllOf(HasSubstr("InvalidIdentityToken"),
                                             Not(HasSubstr("the-token"))));
  EXPECT_THAT(requests_[0].body, HasSubstr("WebIdentityToken=the-token"));
  EXPECT_FALSE(requests_[0].headers.Has("Authorization"));
}

TEST_F(SourcesTest, SessionNamesAndEndpointsAreAws) {
  EXPECT_EQ(SessionName("datashim-ns/sa"), "datashim-ns-sa");
  EXPECT_EQ(SessionName(""), "--");
  EXPECT_EQ(SessionName(std::string(100, 'a')).size(), 64u);
  EXPECT_EQ(AwsStsEndpoint(""), "https://sts.amazonaws.com");
  EXPECT_EQ(AwsStsEndpoint("cn-north-1"),
            "https://sts.cn-north-1.amazonaws.com.cn");
}

// IBM Cloud IAM: takes one key.
HttpResponse Iam(const HttpRequest& request) {
  if (request.method != "POST" || request.path != "/identity/token" ||
      request.headers.Get("Content-Type") !=
          "application/x-www-form-urlencoded") {
    return Answer(404, "");
  }
  if (request.body !=
      "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey"
      "&apikey=the%2Bkey") {
    return Answer(400, R"({"errorCode":"BXNIM0415E","errorMessage":")" +
                           request.body + R"("})");
  }
  return Answer(200, R"({"access_token":"bearer","expires_in":3600})");
}

TEST_F(SourcesTest, ApiKeysBecomeBearerTokens) {
  const net::TestAuthority authority("test");
  const auto certificate = authority.Issue("iam", {"IP:127.0.0.1"});
  net::HttpServerOptions options;
  options.tls = true;
  options.certificate = {certificate.chain_pem, certificate.key_pem};
  const auto server = net::HttpServer::Start(std::move(options), Iam);
  ASSERT_TRUE(server.ok()) << server.error().message;
  ApiKeyOptions iam;
  iam.endpoint = "https://127.0.0.1:" + std::to_string((*server)->port());
  iam.tls.ca_bundle_pem = authority.ca_pem();
  iam.api_key = SecretString("the+key");
  iam.service_instance_id = "instance";
  const auto fetched = (*MakeApiKeyCredentials(iam))->Fetch(Soon());
  ASSERT_TRUE(fetched.ok()) << fetched.error().message;
  EXPECT_EQ(fetched->credentials.bearer_token.Reveal(), "bearer");
  EXPECT_EQ(fetched->credentials.service_instance_id, "instance");
  EXPECT_EQ(fetched->lifetime, hours(1));
  EXPECT_FALSE(fetched->credentials.anonymous());

  iam.api_key = SecretString("other");
  const auto refused = (*MakeApiKeyCredentials(iam))->Fetch(Soon());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("BXNIM0415E"), Not(HasSubstr("other"))));
}

TEST_F(SourcesTest, AnApiKeyIsNotSentInTheOpen) {
  const auto source =
      MakeApiKeyCredentials({.endpoint = "http://iam.example.com"});
  ASSERT_FALSE(source.ok());
  EXPECT_THAT(source.error().message, HasSubstr("https"));
}

}  // namespace
}  // namespace datashim::credentials
