// From a Dataset to a bound claim, and everything that can stand in the way.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "base/strings.h"
#include "cluster.h"
#include "operator/names.h"

namespace datashim::integration {
namespace {

using controllers::kDatasets;
using ::testing::HasSubstr;
using ::testing::Not;

class ProvisionTest : public OperatorTest {};

/// Takes connections and never answers, as a dead host behind a firewall.
class SilentServer {
 public:
  SilentServer() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(socket_, generic, size), 0);
    EXPECT_EQ(listen(socket_, 16), 0);
    EXPECT_EQ(getsockname(socket_, generic, &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;
  ~SilentServer() { close(socket_); }
  const std::string& url() const { return url_; }

 private:
  int socket_;
  std::string url_;
};

TEST_F(ProvisionTest, DatasetBecomesABoundClaim) {
  MakeSecret("keys");
  ASSERT_TRUE(
      Eventually("the operator leads", [&] { return operator_->is_leader(); }));
  MakeDataset("warm-up");  // The informers have begun after it.
  ASSERT_TRUE(EventuallyBound("warm-up"));

  const auto start = std::chrono::steady_clock::now();
  const Json dataset =
      MakeDataset("weights", {{"bucket", "models/llama"}, {"region", "eu-1"}});
  ASSERT_TRUE(EventuallyBound("weights"));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  RecordProperty("bound_ms", std::to_string(took.count()));
  std::cout << "from apply to OK: " << took.count() << " ms\n";

  const Json config_map = FindHere(kube::kConfigMaps, "weights");
  EXPECT_EQ(kube::ControllerUidOf(config_map), kube::UidOf(dataset));
  EXPECT_EQ(config_map["data"]["bucket"], "models");
  EXPECT_EQ(config_map["data"]["region"], "eu-1");

  const Json claim = FindHere(kube::kPersistentVolumeClaims, "weights");
  EXPECT_EQ(kube::StringAt(claim, {"status", "phase"}), "Bound");
  EXPECT_EQ(kube::LabelOf(claim, "dataset"), "weights");
  EXPECT_EQ(claim["spec"]["accessModes"], Json::array({"ReadWriteMany"}));
  const std::string uid = kube::UidOf(claim);
  EXPECT_EQ(claim["spec"]["volumeName"], "pvc-" + uid);

  const Json secret = VolumeSecret("weights");
  EXPECT_EQ(secret["data"]["folder"], "bGxhbWE=");  // llama
  EXPECT_TRUE(secret["data"].contains("secretAccessKey"));

  EXPECT_EQ(Condition("weights", "Ready")["status"], "True");
  EXPECT_EQ(Condition("weights", "Provisioned")["status"], "True");
  EXPECT_EQ(Condition("weights", "CredentialsValid")["status"], "True");
  EXPECT_EQ(Condition("weights", "Ready")["observedGeneration"], 1);
  EXPECT_EQ(kube::StringAt(Dataset("weights"), {"status", "caching", "status"}),
            "Disabled");
  EXPECT_TRUE(
      Eventually("event Bound", [&] { return HasEvent("weights", "Bound"); }));
  EXPECT_TRUE(FindHere(kube::kSecrets, "weights").is_null());
}

TEST_F(ProvisionTest, KeysTurnUpInSecretsOnly) {
  const Json inline_keys = {{"secret-name", nullptr},
                            {"accessKeyID", kCanaryId},
                            {"secretAccessKey", kCanaryKey}};
  MakeDataset("inline", inline_keys);
  Json wrong = inline_keys;
  wrong["secretAccessKey"] = std::string(kCanaryKey) + "-wrong";
  MakeDataset("wrong", wrong);
  EXPECT_TRUE(EventuallyBound("inline"));
  EXPECT_TRUE(Eventually("wrong keys are reported", [&] {
    return ReadyReason("wrong") == "CredentialsInvalid" &&
           HasEvent("wrong", "CredentialsInvalid");
  }));
  EXPECT_TRUE(Eventually("event InlineCredentials", [&] {
    return HasEvent("inline", "InlineCredentials");
  }));

  for (const kube::ResourceType* type :
       {&kube::kConfigMaps, &kube::kEvents, &kube::kPersistentVolumes,
        &kube::kPersistentVolumeClaims}) {
    const auto objects = client().List(*type, "", {}, Soon());
    ASSERT_TRUE(objects.ok()) << objects.error().message;
    EXPECT_FALSE(objects->items.empty()) << type->plural;
    for (const Json& object : objects->items) {
      EXPECT_THAT(object.dump(), Not(HasSubstr(kCanaryKey))) << type->plural;
      EXPECT_THAT(object.dump(), Not(HasSubstr(kCanaryId))) << type->plural;
    }
  }
  EXPECT_THAT(Dataset("wrong")["status"].dump(), Not(HasSubstr("canary")));
}

TEST_F(ProvisionTest, EachProblemIsToldWithinTenSeconds) {
  MakeSecret("keys");
  MakeSecret("half", {{"accessKeyID", "a"}});
  MakeSecret("bad", {{"accessKeyID", "nobody"}, {"secretAccessKey", "x"}});
  const ReservedPort nobody_listens;
  const SilentServer silent;
  const std::string dead =
      "http://127.0.0.1:" + std::to_string(nobody_listens.port());
  struct Case {
    const char* name;
    const char* reason;
    Json changes;
    const char* told;  ///< What the message must name.
  };
  const Case cases[] = {
      {"no-secret", "SecretNotFound", {{"secret-name", "nowhere"}}, "nowhere"},
      {"half",
       "SecretKeyMissing",
       {{"secret-name", "half"}},
       "secretAccessKey"},
      {"bad-keys", "CredentialsInvalid", {{"secret-name", "bad"}}, kBucket},
      {"no-bucket", "BucketNotFound", {{"bucket", "absent"}}, "absent"},
      {"dead", "Unreachable", {{"endpoint", dead}}, "127.0.0.1"},
      {"silent", "Unreachable", {{"endpoint", silent.url()}}, "127.0.0.1"},
  };
  for (const Case& c : cases) MakeDataset(c.name, c.changes);
  for (const Case& c : cases) {
    EXPECT_TRUE(Eventually(std::string(c.name) + " says why", [&] {
      return ReadyReason(c.name) == c.reason && HasEvent(c.name, c.reason);
    })) << c.name;
    EXPECT_EQ(Provision(c.name), "Pending");
    EXPECT_THAT(
        kube::StringAt(Dataset(c.name), {"status", "provision", "info"}),
        HasSubstr(c.told));
    EXPECT_TRUE(VolumeSecret(c.name).is_null()) << c.name;
  }
}

TEST_F(ProvisionTest, WhatIsNotSupportedFailsAndMakesNothing) {
  MakeDataset("odd", {{"mount-options", "suid"}});
  EXPECT_TRUE(Eventually("it is refused", [&] {
    return Provision("odd") == "Failed" && HasEvent("odd", "InvalidSpec");
  }));
  EXPECT_EQ(ReadyReason("odd"), "InvalidSpec");
  EXPECT_TRUE(FindHere(kube::kConfigMaps, "odd").is_null());
  EXPECT_TRUE(FindHere(kube::kPersistentVolumeClaims, "odd").is_null());
  Delete(kDatasets, {namespace_, "odd"});
  EXPECT_TRUE(EventuallyGone(kDatasets, {namespace_, "odd"}));
}

TEST_F(ProvisionTest, ASecretThatComesLaterIsSeen) {
  MakeDataset("weights");
  EXPECT_TRUE(Eventually("the Secret is missed", [&] {
    return ReadyReason("weights") == "SecretNotFound";
  }));
  MakeSecret("keys");
  EXPECT_TRUE(EventuallyBound("weights"));
}

TEST_F(ProvisionTest, ABucketIsMadeWhereThatIsAskedFor) {
  MakeSecret("keys");
  MakeDataset("fresh",
              {{"bucket", namespace_ + "-new"}, {"provision", "true"}});
  ASSERT_TRUE(EventuallyBound("fresh"));
  EXPECT_TRUE(CheckBucket(namespace_ + "-new").ok());
  const Json claim = FindHere(kube::kPersistentVolumeClaims, "fresh");
  const Json volume =
      Find(kube::kPersistentVolumes, {"", "pvc-" + kube::UidOf(claim)});
  EXPECT_EQ(kube::AnnotationOf(volume, controllers::kBucketCreatedAnnotation),
            "true");
}

TEST_F(ProvisionTest, ReadOnlyIsReadOnlyEverywhere) {
  MakeSecret("keys");
  MakeDataset("frozen", {{"readonly", "true"}});
  ASSERT_TRUE(EventuallyBound("frozen"));
  const Json claim = FindHere(kube::kPersistentVolumeClaims, "frozen");
  EXPECT_EQ(claim["spec"]["accessModes"], Json::array({"ReadOnlyMany"}));
  const Json volume =
      Find(kube::kPersistentVolumes, {"", "pvc-" + kube::UidOf(claim)});
  EXPECT_EQ(volume["spec"]["csi"]["readOnly"], true);
  EXPECT_EQ(VolumeSecret("frozen")["data"]["readonly"], "dHJ1ZQ==");  // true
}

TEST_F(ProvisionTest, TheExtraKeysReachTheVolume) {
  MakeSecret("keys");
  MakeDataset("shaped", {{"uid", "1000"},
                         {"gid", "100"},
                         {"file-mode", "0640"},
                         {"dir-mode", "0750"},
                         {"metadata-ttl", "1m"},
                         {"size", "10Ti"},
                         {"access-mode", "ReadWriteOnce"},
                         {"mount-options", "noatime"}});
  ASSERT_TRUE(EventuallyBound("shaped"));
  const Json claim = FindHere(kube::kPersistentVolumeClaims, "shaped");
  EXPECT_EQ(claim["spec"]["accessModes"], Json::array({"ReadWriteOnce"}));
  EXPECT_EQ(claim["spec"]["resources"]["requests"]["storage"], "10Ti");
  const Json volume =
      Find(kube::kPersistentVolumes, {"", "pvc-" + kube::UidOf(claim)});
  EXPECT_EQ(volume["spec"]["capacity"]["storage"], "10Ti");
  EXPECT_EQ(volume["spec"]["mountOptions"], Json::array({"noatime"}));
  const Json secret = VolumeSecret("shaped");
  for (const auto& [key, value] :
       {std::pair{"uid", "1000"}, std::pair{"gid", "100"},
        std::pair{"fileMode", "0640"}, std::pair{"dirMode", "0750"},
        std::pair{"metadataTTL", "60"}}) {
    EXPECT_EQ(secret["data"][key], Base64Encode(value)) << key;
  }
}

TEST_F(ProvisionTest, AStoreOfAnOwnAuthorityIsTrustedByItsBundle) {
  auto tls = Minio::Start(Minio::Protocol::kHttps);
  ASSERT_TRUE(tls.ok()) << tls.error().message;
  MakeSecret("keys");
  const Json place = {{"endpoint", (*tls)->url()}, {"provision", "true"}};
  Json with_bundle = place;
  with_bundle["ca-bundle"] = "configmap/store-ca";
  Json either = place;
  either["ca-bundle"] = "secret-ca";
  Json unchecked = place;
  unchecked["insecure-skip-tls-verify"] = "true";
  MakeDataset("untrusted", place);
  MakeDataset("trusted", with_bundle);
  MakeDataset("either", either);
  MakeDataset("unchecked", unchecked);
  EXPECT_TRUE(Eventually("the certificate is refused", [&] {
    return ReadyReason("untrusted") == "Unreachable";
  }));
  EXPECT_TRUE(EventuallyBound("unchecked"));
  EXPECT_TRUE(Eventually("it is warned of",
                         [&] { return HasEvent("unchecked", "SpecWarning"); }));
  EXPECT_TRUE(Eventually("the bundle is missed", [&] {
    return ReadyReason("trusted") == "CABundleNotFound";
  }));
  Json bundle = kube::MakeObject(kube::kConfigMaps, {namespace_, "store-ca"});
  bundle["data"]["ca.crt"] = (*tls)->ca_pem();
  ASSERT_TRUE(client().Create(kube::kConfigMaps, bundle, Soon()).ok());
  MakeSecret("secret-ca", {{"ca.crt", (*tls)->ca_pem()}});
  EXPECT_TRUE(EventuallyBound("trusted"));
  EXPECT_TRUE(EventuallyBound("either"));
}

TEST_F(ProvisionTest, AClaimNeedsNoDataset) {
  MakeClaimWithoutDataset("plain");
  MakeSecret("plain", {{"accessKeyID", kCanaryId},
                       {"secretAccessKey", kCanaryKey},
                       {"endpoint", minio().url()},
                       {"bucket", kBucket}});
  EXPECT_TRUE(Eventually("it is bound", [&] {
    return kube::StringAt(FindHere(kube::kPersistentVolumeClaims, "plain"),
                          {"status", "phase"}) == "Bound";
  }));
  const std::string uid =
      kube::UidOf(FindHere(kube::kPersistentVolumeClaims, "plain"));
  Delete(kube::kPersistentVolumeClaims, {namespace_, "plain"});
  EXPECT_TRUE(EventuallyGone(kube::kPersistentVolumes, {"", "pvc-" + uid}));
  EXPECT_TRUE(
      EventuallyGone(kube::kSecrets, {kOperatorNamespace, "vol-" + uid}));
  EXPECT_FALSE(FindHere(kube::kSecrets, "plain").is_null());  // The owner's.
}

TEST_F(ProvisionTest, NewKeysReachTheVolumeOnceTheyWork) {
  const std::string new_id = std::string(kCanaryId) + "-2";
  const std::string new_key = std::string(kCanaryKey) + "-2";
  MakeSecret("keys");
  MakeDataset("weights");
  ASSERT_TRUE(EventuallyBound("weights"));
  const Json before = VolumeSecret("weights")["data"];

  // The owner changes the Secret before the store knows the new keys.
  MakeSecret("keys", {{"accessKeyID", new_id}, {"secretAccessKey", new_key}});
  EXPECT_TRUE(Eventually(
      "wrong keys are told",
      [&] { return ReadyReason("weights") == "CredentialsInvalid"; },
      std::chrono::seconds(40)));
  EXPECT_EQ(Condition("weights", "CredentialsValid")["status"], "False");
  EXPECT_EQ(VolumeSecret("weights")["data"], before);

  ASSERT_TRUE(minio().Restart(new_id, new_key).ok());
  EXPECT_TRUE(EventuallyBound("weights"));
  EXPECT_NE(VolumeSecret("weights")["data"], before);
  EXPECT_EQ(Condition("weights", "CredentialsValid")["status"], "True");
  ASSERT_TRUE(minio().Restart().ok());
}

TEST_F(ProvisionTest, ANewPlaceReachesConfigMapAndVolume) {
  MakeSecret("keys");
  MakeDataset("weights");
  ASSERT_TRUE(EventuallyBound("weights"));
  const Json patch = {{"spec", {{"local", {{"bucket", "models/new"}}}}}};
  ASSERT_TRUE(client()
                  .Patch(kDatasets, {namespace_, "weights"},
                         kube::PatchType::kMerge, patch, Soon())
                  .ok());
  EXPECT_TRUE(Eventually("the place is new everywhere", [&] {
    return VolumeSecret("weights")["data"]["folder"] == "bmV3" &&
           FindHere(kube::kConfigMaps, "weights")["data"]["folder"] !=
               Json("") &&
           Condition("weights", "Ready")["observedGeneration"] == 2;
  }));
  EXPECT_EQ(Provision("weights"), "OK");
}

}  // namespace
}  // namespace datashim::integration
