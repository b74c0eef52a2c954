// What the client does with credentials that change, end, or are no keys.

#include "s3/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "net/testing/certificates.h"
#include "s3/client.h"

namespace datashim::s3 {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using ::testing::HasSubstr;
using ::testing::SizeIs;

Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

Credentials Keys(const std::string& id) {
  return {SecretString(id), SecretString("secret"), {}};
}

// Gives the credentials of a list, the next one whenever it is asked to renew.
class ListedCredentials final : public CredentialProvider {
 public:
  explicit ListedCredentials(
      std::vector<Result<std::shared_ptr<const Credentials>>> list)
      : list_(std::move(list)) {}
  Result<std::shared_ptr<const Credentials>> Get(Deadline) override {
    auto current = list_[at_];
    if (!current.ok() && at_ + 1 < list_.size()) ++at_;
    return current;
  }
  bool Renew(const Credentials&) override {
    ++renewals;
    if (at_ + 1 < list_.size()) ++at_;
    return true;
  }
  int renewals = 0;

 private:
  std::vector<Result<std::shared_ptr<const Credentials>>> list_;
  std::size_t at_ = 0;
};

Result<std::shared_ptr<const Credentials>> Give(const Credentials& keys) {
  return std::make_shared<const Credentials>(keys);
}

class S3CredentialsTest : public ::testing::Test {
 protected:
  // A server that lists an empty bucket for the key "good".
  void Serve(net::HttpServerOptions options = {}) {
    const bool tls = options.tls;
    auto server = net::HttpServer::Start(
        std::move(options), [this](const HttpRequest& request) {
          const std::lock_guard lock(mutex_);
          requests_.push_back(request);
          const auto authorization = request.headers.Get("Authorization");
          if (authorization.find("good") != std::string_view::npos) {
            return HttpResponse{
                .status = 200,
                .headers = {},
                .body =
                    "<ListBucketResult><IsTruncated>false</IsTruncated>"
                    "</ListBucketResult>"};
          }
          return HttpResponse{
              .status = 400,
              .headers = {},
              .body = "<Error><Code>ExpiredToken</Code></Error>"};
        });
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = *std::move(server);
    config_.endpoint = (tls ? "https://127.0.0.1:" : "http://127.0.0.1:") +
                       std::to_string(server_->port());
  }

  std::shared_ptr<S3Client> Client(
      std::shared_ptr<CredentialProvider> credentials) {
    return S3Client::Make(config_, std::move(credentials)).value();
  }
  Status Probe(std::shared_ptr<CredentialProvider> credentials) {
    return Client(std::move(credentials))->ProbeBucket("bucket", "", Soon());
  }

  S3Config config_;
  std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(S3CredentialsTest, WhatHasEndedIsReplacedAndTriedAgain) {
  Serve();
  const auto listed = std::make_shared<ListedCredentials>(
      std::vector{Give(Keys("old")), Give(Keys("good"))});
  const Status probed = Probe(listed);
  EXPECT_TRUE(probed.ok()) << probed.error().message;
  EXPECT_EQ(listed->renewals, 1);
  EXPECT_THAT(requests_, SizeIs(2));
}

TEST_F(S3CredentialsTest, WhatIsRefusedAgainIsAnError) {
  Serve();
  const auto listed = std::make_shared<ListedCredentials>(
      std::vector{Give(Keys("a")), Give(Keys("b")), Give(Keys("good"))});
  const Status probed = Probe(listed);
  ASSERT_FALSE(probed.ok());
  EXPECT_EQ(probed.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(requests_, SizeIs(2));
}

TEST_F(S3CredentialsTest, KeysThatStayAreNotTriedAgain) {
  Serve();
  EXPECT_FALSE(Probe(std::make_shared<UpdatableCredentials>(Keys("bad"))).ok());
  EXPECT_THAT(requests_, SizeIs(1));
}

TEST_F(S3CredentialsTest, ASourceThatDoesNotAnswerIsAskedAgain) {
  Serve();
  const Error away{ErrorCode::kUnavailable, "no answer of STS"};
  EXPECT_TRUE(Probe(std::make_shared<ListedCredentials>(std::vector{
                        Result<std::shared_ptr<const Credentials>>(away),
                        Give(Keys("good"))}))
                  .ok());
  const Error denied{ErrorCode::kUnauthenticated, "denied by STS"};
  const Status probed = Probe(std::make_shared<ListedCredentials>(std::vector{
      Result<std::shared_ptr<const Credentials>>(denied), Give(Keys("good"))}));
  ASSERT_FALSE(probed.ok());
  EXPECT_THAT(probed.error().message, HasSubstr("denied by STS"));
}

class BearerTokenTest : public S3CredentialsTest {
 protected:
  static std::shared_ptr<CredentialProvider> Bearer() {
    Credentials bearer;
    bearer.bearer_token = SecretString("good");
    bearer.service_instance_id = "instance";
    return std::make_shared<UpdatableCredentials>(std::move(bearer));
  }
};

TEST_F(BearerTokenTest, TokensGoInPlaceOfASignature) {
  const net::TestAuthority authority("test");
  const auto certificate = authority.Issue("cos", {"IP:127.0.0.1"});
  net::HttpServerOptions options;
  options.tls = true;
  options.certificate = {certificate.chain_pem, certificate.key_pem};
  Serve(std::move(options));
  config_.tls.ca_bundle_pem = authority.ca_pem();
  const auto client = Client(Bearer());
  EXPECT_TRUE(client->ProbeBucket("bucket", "", Soon()).ok());
  EXPECT_TRUE(client->CreateBucket("bucket", {}, Soon()).ok());
  ASSERT_THAT(requests_, SizeIs(2));
  EXPECT_EQ(requests_[0].headers.Get("Authorization"), "Bearer good");
  EXPECT_FALSE(requests_[0].headers.Has("x-amz-date"));
  EXPECT_FALSE(requests_[0].headers.Has("ibm-service-instance-id"));
  EXPECT_EQ(requests_[1].headers.Get("ibm-service-instance-id"), "instance");
}

TEST_F(BearerTokenTest, TokensAreNotSentInTheOpen) {
  Serve();
  const Status probed = Probe(Bearer());
  ASSERT_FALSE(probed.ok());
  EXPECT_EQ(probed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(probed.error().message, HasSubstr("https://"));
  EXPECT_THAT(requests_, SizeIs(0));
}

}  // namespace
}  // namespace datashim::s3
