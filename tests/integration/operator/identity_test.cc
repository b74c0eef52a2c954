// Datasets with roles, pods' identities and API keys in place of keys.

#include <gmock/gmock.h>

#include "cluster.h"
#include "net/http_server.h"
#include "net/testing/certificates.h"
#include "operator/names.h"

namespace datashim::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class IdentityTest : public OperatorTest {
 protected:
  /// The secret is in Secrets and nowhere else. Other tests' Datasets may have
  /// it in their specs.
  void ExpectInSecretsOnly(const std::string& secret) {
    for (const kube::ResourceType* type :
         {&kube::kConfigMaps, &kube::kEvents, &kube::kPersistentVolumes,
          &kube::kPersistentVolumeClaims, &controllers::kDatasets}) {
      const auto objects =
          client().List(*type, type->namespaced ? namespace_ : "", {}, Soon());
      ASSERT_TRUE(objects.ok()) << objects.error().message;
      EXPECT_FALSE(objects->items.empty()) << type->plural;
      for (const Json& object : objects->items) {
        EXPECT_THAT(object.dump(), Not(HasSubstr(secret))) << type->plural;
      }
    }
  }
};

TEST_F(IdentityTest, WhatOnlyPodsOpenIsBoundWithoutAsking) {
  MakeDataset("pods", {{"secret-name", nullptr},
                       {"bucket", "nobody-has-made-it"},
                       {"auth", "web-identity"},
                       {"region", "eu-west-1"},
                       {"role-arn", "arn:aws:iam::1:role/reader"}});
  ASSERT_TRUE(EventuallyBound("pods"));
  EXPECT_EQ(Condition("pods", "Ready")["status"], "True");
  EXPECT_TRUE(Condition("pods", "CredentialsValid").is_null())
      << "nobody has tried";
  const Json data = VolumeSecret("pods")["data"];
  EXPECT_EQ(data["auth"], "d2ViLWlkZW50aXR5");  // web-identity
  EXPECT_TRUE(data.contains("role-arn"));
  EXPECT_EQ(data["secretAccessKey"], "");
}

TEST_F(IdentityTest, ARoleOfKeysIsTried) {
  MakeSecret("keys");
  MakeSecret("wrong-keys", {{"AWS_ACCESS_KEY_ID", kCanaryId},
                            {"AWS_SECRET_ACCESS_KEY", "canary-wrong-key"}});
  Json role = {{"role-arn", "arn:minio:iam:::role/reader"},
               {"sts-endpoint", minio().url()},
               {"external-id", "us"}};
  MakeDataset("role", role);
  role["secret-name"] = "wrong-keys";
  MakeDataset("wrong", role);
  ASSERT_TRUE(EventuallyBound("role"));
  EXPECT_EQ(Condition("role", "CredentialsValid")["status"], "True");
  EXPECT_TRUE(Eventually("the role is refused", [&] {
    return ReadyReason("wrong") == "CredentialsInvalid" &&
           HasEvent("wrong", "CredentialsInvalid");
  }));
  EXPECT_THAT(Condition("wrong", "Ready")["message"].get<std::string>(),
              HasSubstr("AssumeRole at"));
  ExpectInSecretsOnly("canary-wrong-key");
  ExpectInSecretsOnly(kCanaryKey);
}

TEST_F(IdentityTest, TheAdministratorTurnsPodsIdentitiesOn) {
  OperatorOptions options;
  options.policy.pod_auth = {};
  RestartOperator(options);
  MakeDataset("off", {{"secret-name", nullptr}, {"auth", "pod-identity"}});
  EXPECT_TRUE(Eventually("it is refused",
                         [&] { return ReadyReason("off") == "InvalidSpec"; }));
  EXPECT_THAT(Condition("off", "Ready")["message"].get<std::string>(),
              HasSubstr("iam.podIdentity"));
}

TEST_F(IdentityTest, AnApiKeyOpensAStoreByItsToken) {
  const net::TestAuthority authority("test");
  const auto certificate = authority.Issue("ibm", {"IP:127.0.0.1"});
  net::HttpServerOptions server_options;
  server_options.tls = true;
  server_options.certificate = {certificate.chain_pem, certificate.key_pem};
  // IBM Cloud's IAM and a store that knows its token.
  const auto cloud = net::HttpServer::Start(
      std::move(server_options), [](const net::HttpRequest& request) {
        net::HttpResponse response{.status = 400, .headers = {}, .body = "{}"};
        if (request.path == "/identity/token") {
          if (request.body.ends_with("&apikey=canary-api-key")) {
            response.status = 200;
            response.body =
                R"({"access_token":"canary-bearer","expires_in":3600})";
          }
        } else if (request.headers.Get("Authorization") ==
                   "Bearer canary-bearer") {
          response.status = 200;
          response.body =
              "<ListBucketResult><IsTruncated>false</IsTruncated>"
              "</ListBucketResult>";
        }
        return response;
      });
  ASSERT_TRUE(cloud.ok()) << cloud.error().message;
  const std::string url =
      "https://127.0.0.1:" + std::to_string((*cloud)->port());
  Json bundle = kube::MakeObject(kube::kConfigMaps, {namespace_, "ibm-ca"});
  bundle["data"]["ca.crt"] = authority.ca_pem();
  ASSERT_TRUE(client().Create(kube::kConfigMaps, bundle, Soon()).ok());
  MakeSecret("api-key",
             {{"iam-api-key", "canary-api-key"}, {"iam-endpoint", url}});
  const Json place = {{"endpoint", url},
                      {"secret-name", "api-key"},
                      {"ca-bundle", "configmap/ibm-ca"}};
  MakeDataset("ibm", place);
  EXPECT_TRUE(Eventually("tokens do not go anywhere", [&] {
    return ReadyReason("ibm") == "SecretKeyMissing";
  }));
  EXPECT_THAT(Condition("ibm", "Ready")["message"].get<std::string>(),
              HasSubstr("set the key endpoint"));
  MakeSecret("api-key", {{"iam-api-key", "canary-api-key"},
                         {"iam-endpoint", url},
                         {"endpoint", url}});
  MakeSecret("api-key-2", {{"iam-api-key", "canary-other-key"},
                           {"iam-endpoint", url},
                           {"endpoint", url}});
  EXPECT_TRUE(Eventually(
      "the Secret is read again", [&] { return Provision("ibm") == "OK"; },
      std::chrono::seconds(40)));
  Json wrong = place;
  wrong["secret-name"] = "api-key-2";
  MakeDataset("ibm-wrong", wrong);
  EXPECT_TRUE(Eventually("the key is refused", [&] {
    return ReadyReason("ibm-wrong") == "CredentialsInvalid";
  }));
  for (const char* const canary :
       {"canary-api-key", "canary-other-key", "canary-bearer"}) {
    ExpectInSecretsOnly(canary);
  }
}

}  // namespace
}  // namespace datashim::integration
