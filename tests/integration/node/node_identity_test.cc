// Buckets that pods open by their ServiceAccount, or by a role: who reads what,
// with MinIO's STS.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/log.h"
#include "base/testing/eventually.h"
#include "node_fixture.h"
#include "sys/unique_fd.h"

namespace datashim::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class NodeIdentityTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    if (IsSkipped()) return;
    const Status added =
        Server().AddPolicy("reader", {"s3:GetObject", "s3:ListBucket"});
    ASSERT_TRUE(added.ok()) << added.error().message;
  }

  static dataset::VolumeConfig WebIdentity(const std::string& bucket) {
    dataset::VolumeConfig config;
    config.endpoint = Server().url();
    config.bucket = bucket;
    config.files.metadata_ttl = std::chrono::seconds(0);
    config.auth = dataset::Auth::kWebIdentity;
    config.sts_endpoint = Server().url();
    return config;
  }

  /// A pod whose ServiceAccount has the policy in MinIO.
  static dataset::PodIdentity PodOf(const std::string& service_account,
                                    const std::string& policy) {
    dataset::PodIdentity pod;
    pod.namespace_name = "team-a";
    pod.service_account = service_account;
    pod.tokens.emplace(
        kAudience, Issuer().Token({.audience = kAudience,
                                   .subject = "system:serviceaccount:team-a:" +
                                              service_account,
                                   .policy = policy}));
    return pod;
  }

  Status PublishAs(const std::string& name, const dataset::VolumeConfig& config,
                   const dataset::PodIdentity& pod) {
    return host_->Publish({kVolume, staging_, Pod(name), false,
                           config.ToSecretData(), false, pod});
  }

  static dev_t DeviceOf(const std::string& path) {
    struct stat status = {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_dev : 0;
  }
};

TEST_F(NodeIdentityTest, ServiceAccountsShareNoMount) {
  Bucket bucket("accounts");
  bucket.Put("f", "content");
  const auto config = WebIdentity(bucket.name());
  EXPECT_OK(Stage(config));
  EXPECT_THAT(Mounts(), IsEmpty()) << "no pod is known yet";
  EXPECT_OK(PublishAs("a", config, PodOf("writer", "readwrite")));
  EXPECT_OK(PublishAs("b", config, PodOf("reader", "reader")));
  EXPECT_THAT(Mounts(), SizeIs(4));
  EXPECT_NE(DeviceOf(Pod("a")), DeviceOf(Pod("b")));

  std::ofstream(Pod("a") + "/from-a") << "a";
  std::ofstream(Pod("b") + "/from-b") << "b";
  EXPECT_EQ(bucket.Get("from-a"), "a");
  EXPECT_EQ(bucket.Get("from-b"), "no object") << "the role only reads";
  EXPECT_EQ(Read(Pod("b") + "/f"), "content");

  EXPECT_OK(host_->Unpublish(kVolume, Pod("a")));
  EXPECT_THAT(Mounts(), SizeIs(2)) << "no pod of it is left";
  EXPECT_EQ(Read(Pod("b") + "/f"), "content");
}

TEST_F(NodeIdentityTest, PodsOfOneServiceAccountShareAMount) {
  Bucket bucket("one-account");
  bucket.Put("f", "content");
  const auto config = WebIdentity(bucket.name());
  EXPECT_OK(Stage(config));
  EXPECT_OK(PublishAs("a", config, PodOf("reader", "reader")));
  EXPECT_OK(PublishAs("b", config, PodOf("reader", "reader")));
  EXPECT_EQ(DeviceOf(Pod("a")), DeviceOf(Pod("b")));
  EXPECT_THAT(Mounts(), SizeIs(3));
}

TEST_F(NodeIdentityTest, ARoleThatDoesNotLetInLeavesNothing) {
  Bucket bucket("refused");
  const auto config = WebIdentity(bucket.name());
  EXPECT_OK(Stage(config));
  const Status refused = PublishAs("a", config, PodOf("stranger", "no-policy"));
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message,
              HasSubstr("AssumeRoleWithWebIdentity at http://"));
  const Status nobody = PublishAs("a", config, {});
  ASSERT_FALSE(nobody.ok());
  EXPECT_EQ(nobody.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(Mounts(), IsEmpty());
}

TEST_F(NodeIdentityTest, ARepublishBringsANewTokenToTheLiveMount) {
  Bucket bucket("republish");
  bucket.Put("f", "content");
  const auto config = WebIdentity(bucket.name());
  EXPECT_OK(Stage(config));
  EXPECT_OK(PublishAs("a", config, PodOf("reader", "reader")));
  const dev_t before = DeviceOf(Pod("a"));
  EXPECT_OK(PublishAs("a", config, PodOf("reader", "reader")));
  EXPECT_FALSE(PublishAs("a", config, {}).ok()) << "somebody without a token";
  EXPECT_EQ(DeviceOf(Pod("a")), before);
  EXPECT_EQ(Read(Pod("a") + "/f"), "content");
}

TEST_F(NodeIdentityTest, PodsOfAnOldPlaceKeepTheirRole) {
  Bucket old_bucket("role-old");
  Bucket new_bucket("role-new");
  old_bucket.Put("f", "old");
  new_bucket.Put("f", "new");
  EXPECT_OK(Stage(WebIdentity("role-old")));
  const auto pod = PodOf("reader", "reader");
  EXPECT_OK(PublishAs("a", WebIdentity("role-old"), pod));
  EXPECT_OK(PublishAs("a", WebIdentity("role-new"), pod));
  EXPECT_OK(PublishAs("b", WebIdentity("role-new"), pod));
  EXPECT_EQ(Read(Pod("a") + "/f"), "old");
  EXPECT_EQ(Read(Pod("b") + "/f"), "new");
}

TEST_F(NodeIdentityTest, KeysAssumeARole) {
  Bucket bucket("assumed");
  bucket.Put("f", "content");
  dataset::VolumeConfig config = ConfigOf(bucket.name());
  config.role_arn = "arn:minio:iam:::role/reader";
  config.sts_endpoint = Server().url();
  EXPECT_OK(Stage(config));
  EXPECT_OK(Publish("a", config));
  EXPECT_EQ(Read(Pod("a") + "/f"), "content");
  ExpectNowhere(Minio::kSecretKey);
}

TEST_F(NodeIdentityTest, TokensAreInNoFileAndNoLog) {
  Bucket bucket("tokens");
  const auto config = WebIdentity(bucket.name());
  const auto good = PodOf("reader", "reader");
  const auto bad = PodOf("stranger", "no-policy");
  log::SetLevel(log::Level::kDebug);
  ::testing::internal::CaptureStderr();
  EXPECT_OK(Stage(config));
  EXPECT_OK(PublishAs("a", config, good));
  EXPECT_FALSE(PublishAs("b", config, bad).ok());
  EXPECT_EQ(StatErrno(Pod("a") + "/none"), ENOENT);
  const std::string shown = ::testing::internal::GetCapturedStderr();
  log::SetLevel(log::Level::kInfo);
  EXPECT_THAT(shown, HasSubstr("cannot fetch new credentials"));
  for (const auto& pod : {good, bad}) {
    const std::string& token = pod.tokens.at(kAudience).Reveal();
    EXPECT_THAT(shown, Not(HasSubstr(token)));
    // Nor its signature alone.
    EXPECT_THAT(shown, Not(HasSubstr(token.substr(token.rfind('.') + 1))));
    ExpectNowhere(token);
  }
}

class NodeIdentityCacheTest : public NodeIdentityTest {
 protected:
  void SetUp() override {
    cache_settings_.directory = cache_;
    cache_settings_.disk_free_percent_min = 0;
    NodeIdentityTest::SetUp();
    if (IsSkipped()) return;
    const Status added = Server().AddPolicy("lister", {"s3:ListBucket"});
    ASSERT_TRUE(added.ok()) << added.error().message;
  }
  static int ReadErrno(const std::string& path) {
    const sys::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char byte = 0;
    return file && ::read(file.get(), &byte, 1) >= 0 ? 0 : errno;
  }
  bool HasCopies() const {
    return !std::filesystem::is_empty(cache_ + "/datashim-cache/complete");
  }
};

TEST_F(NodeIdentityCacheTest, ACopyIsForThoseWhoMayReadTheObject) {
  Bucket bucket("copies");
  const std::string text(std::size_t{1} << 20, 'x');
  bucket.Put("model", text);
  auto config = WebIdentity(bucket.name());
  config.files.metadata_ttl = std::chrono::seconds(60);
  EXPECT_OK(Stage(config));
  EXPECT_OK(PublishAs("a", config, PodOf("reader", "reader")));
  EXPECT_OK(PublishAs("b", config, PodOf("lister", "lister")));
  EXPECT_TRUE(Read(Pod("a") + "/model") == text);
  ASSERT_TRUE(datashim::testing::Eventually([&] { return HasCopies(); }));
  const std::filesystem::directory_iterator listed(Pod("b"));
  EXPECT_EQ(std::distance(begin(listed), end(listed)), 1);
  EXPECT_EQ(StatErrno(Pod("b") + "/model"), 0) << "its name may be seen";
  EXPECT_EQ(ReadErrno(Pod("b") + "/model"), EACCES);
  EXPECT_TRUE(Read(Pod("a") + "/model") == text);
}

}  // namespace
}  // namespace datashim::integration
