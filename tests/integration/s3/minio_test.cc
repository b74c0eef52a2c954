// The S3 client against a real MinIO: the conformance suite over http and
// https, and what a user sees when something is wrong.

#include "minio.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "s3/client.h"
#include "s3/object_store.h"
#include "store/testing/conformance.h"
#include "store/testing/conformance_lists.h"
#include "store/testing/conformance_uploads.h"

namespace datashim::integration {
namespace {

using std::chrono::seconds;
using store::ConformanceCase;
using store::ObjectStoreListTest;
using store::ObjectStoreTest;
using store::ObjectStoreUploadTest;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kBucket[] = "conformance";

Deadline Soon() { return Deadline::After(seconds(20)); }

// One server per protocol for the whole program.
Minio& Server(Minio::Protocol protocol) {
  static std::unique_ptr<Minio> servers[2];
  auto& server = servers[protocol == Minio::Protocol::kHttps ? 1 : 0];
  if (!server) {
    auto started = Minio::Start(protocol);
    if (!started.ok()) ADD_FAILURE() << started.error().message;
    DS_CHECK(started.ok());
    server = std::move(started).value();
  }
  return *server;
}

s3::S3Config ConfigFor(Minio::Protocol protocol) {
  const Minio& minio = Server(protocol);
  s3::S3Config config;
  config.endpoint = minio.url();
  if (protocol == Minio::Protocol::kHttps) {
    config.tls.ca_bundle_pem = minio.ca_pem();
  }
  return config;
}

s3::Credentials RootKeys() {
  return {SecretString(Minio::kAccessKey), SecretString(Minio::kSecretKey), {}};
}

std::shared_ptr<s3::S3Client> MakeClient(
    const s3::S3Config& config, const s3::Credentials& keys = RootKeys()) {
  auto client = s3::S3Client::Make(
      config, std::make_shared<s3::UpdatableCredentials>(keys));
  DS_CHECK(client.ok());
  return std::move(client).value();
}

// A store of its own, by prefix, for each test.
std::shared_ptr<store::ObjectStore> MakeStore(Minio::Protocol protocol) {
  static std::atomic<int> stores{0};
  auto client = MakeClient(ConfigFor(protocol));
  const Status made = client->CreateBucket(kBucket, {}, Soon());
  EXPECT_TRUE(made.ok()) << made.error().message;
  const std::string prefix =
      stores % 2 == 0 ? "p" + std::to_string(stores) + "/"
                      : "a b+\xc3\xa9%2F/" + std::to_string(stores) + "/";
  ++stores;
  auto made_store = s3::MakeObjectStore(client, kBucket, prefix);
  DS_CHECK(made_store.ok());
  return std::move(made_store).value();
}

const ConformanceCase kCases[] = {
    {"MinioHttp", [] { return MakeStore(Minio::Protocol::kHttp); }},
    {"MinioHttps", [] { return MakeStore(Minio::Protocol::kHttps); }},
};
const auto kName = [](const auto& test) { return test.param.name; };
INSTANTIATE_TEST_SUITE_P(S3, ObjectStoreTest, ::testing::ValuesIn(kCases),
                         kName);
INSTANTIATE_TEST_SUITE_P(S3, ObjectStoreListTest, ::testing::ValuesIn(kCases),
                         kName);
INSTANTIATE_TEST_SUITE_P(S3, ObjectStoreUploadTest, ::testing::ValuesIn(kCases),
                         kName);

// What an operator shows to the owner of a Dataset.
class ProbeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto client = MakeClient(config_);
    ASSERT_TRUE(client->CreateBucket(kBucket, {}, Soon()).ok());
  }

  Error Probe(const s3::Credentials& keys, const std::string& bucket) {
    const Status status =
        MakeClient(config_, keys)
            ->ProbeBucket(bucket, "", Deadline::After(seconds(5)));
    return status.ok() ? Error{ErrorCode{0}, "it is there"} : status.error();
  }

  s3::S3Config config_ = ConfigFor(Minio::Protocol::kHttp);
};

TEST_F(ProbeTest, GoodKeysAreGood) {
  EXPECT_EQ(Probe(RootKeys(), kBucket).message, "it is there");
}

TEST_F(ProbeTest, AMissingBucketIsNamed) {
  const Error error = Probe(RootKeys(), "no-such-bucket");
  EXPECT_EQ(error.code, ErrorCode::kNotFound);
  EXPECT_THAT(error.message,
              HasSubstr("bucket \"no-such-bucket\" at " + config_.endpoint));
  EXPECT_THAT(error.message, HasSubstr("NoSuchBucket"));
}

TEST_F(ProbeTest, WrongKeysSayWhichOne) {
  Error error =
      Probe({SecretString("nobody"), SecretString("secret-x"), {}}, kBucket);
  EXPECT_EQ(error.code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(error.message, HasSubstr("(InvalidAccessKeyId)"));
  EXPECT_THAT(error.message, HasSubstr("accessKeyID"));

  error = Probe({SecretString(Minio::kAccessKey), SecretString("secret-x"), {}},
                kBucket);
  EXPECT_EQ(error.code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(error.message, HasSubstr("secretAccessKey"));
  EXPECT_THAT(error.message, Not(HasSubstr("secret-x")));
}

TEST_F(ProbeTest, NoKeysAndNoPublicBucket) {
  const Error error = Probe({}, kBucket);
  EXPECT_EQ(error.code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(error.message, HasSubstr("no keys"));
}

TEST_F(ProbeTest, CreatingABucketTwiceIsFine) {
  auto client = MakeClient(config_);
  EXPECT_TRUE(client->CreateBucket("made-twice", {}, Soon()).ok());
  EXPECT_TRUE(client->CreateBucket("made-twice", {}, Soon()).ok());
  EXPECT_TRUE(client->ProbeBucket("made-twice", "a/", Soon()).ok());
}

TEST_F(ProbeTest, AnUntrustedCertificateIsNamed) {
  config_ = ConfigFor(Minio::Protocol::kHttps);
  config_.tls.ca_bundle_pem.clear();
  config_.attempts_max = 1;
  const Error error = Probe(RootKeys(), kBucket);
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("not trusted"));
}

TEST(S3LiveTest, NewKeysAreUsedByTheNextRequest) {
  const s3::S3Config config = ConfigFor(Minio::Protocol::kHttp);
  auto keys = std::make_shared<s3::UpdatableCredentials>(
      s3::Credentials{SecretString("nobody"), SecretString("secret-x"), {}});
  auto client = s3::S3Client::Make(config, keys);
  ASSERT_TRUE(client.ok());
  EXPECT_FALSE((*client)->ProbeBucket(kBucket, "", Soon()).ok());
  keys->Set(RootKeys());
  EXPECT_TRUE((*client)->CreateBucket(kBucket, {}, Soon()).ok());
  EXPECT_TRUE((*client)->ProbeBucket(kBucket, "", Soon()).ok());
}

TEST(S3LiveTest, AStoreSeesOnlyItsPrefix) {
  auto client = MakeClient(ConfigFor(Minio::Protocol::kHttp));
  ASSERT_TRUE(client->CreateBucket(kBucket, {}, Soon()).ok());
  auto outer = s3::MakeObjectStore(client, kBucket, "outer/");
  auto inner = s3::MakeObjectStore(client, kBucket, "outer/inner/");
  ASSERT_TRUE(outer.ok() && inner.ok());
  ASSERT_TRUE((*outer)->Put("inner/", {}, {}, Soon()).ok());
  ASSERT_TRUE((*outer)->Put("inner/f", store::AsBytes("x"), {}, Soon()).ok());
  ASSERT_TRUE((*outer)->Put("innermost", store::AsBytes("y"), {}, Soon()).ok());
  const auto page = (*inner)->List({}, Soon());
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page->objects.size(), 1u);  // Not the marker of the prefix itself.
  EXPECT_EQ(page->objects[0].key, "f");
  EXPECT_TRUE((*outer)->Head("inner/f", Soon()).ok());
  EXPECT_FALSE((*inner)->Head("innermost", Soon()).ok());
}

TEST(S3LiveTest, ManyThreadsReadAtOnce) {
  auto store = MakeStore(Minio::Protocol::kHttp);
  std::string text(3u << 20, 'a');
  for (std::size_t i = 0; i < text.size(); ++i) {
    text[i] = static_cast<char>(i * 2654435761u >> 13);
  }
  const auto info = store->Put("k", store::AsBytes(text), {}, Soon());
  ASSERT_TRUE(info.ok());
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < 10; ++i) {
        const store::ByteRange range{(t * 10 + i) * 30'000, 400'000};
        std::vector<std::byte> out(range.size);
        const auto size = store->Get("k", info->etag, range, out, Soon());
        good += size.ok() && *size == range.size &&
                        std::memcmp(out.data(), text.data() + range.offset,
                                    range.size) == 0
                    ? 1
                    : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 80);
}

TEST(S3LiveTest, ARestartOfTheServerIsRiddenOut) {
  auto minio = Minio::Start(Minio::Protocol::kHttp);
  ASSERT_TRUE(minio.ok()) << minio.error().message;
  s3::S3Config config;
  config.endpoint = (*minio)->url();
  auto client = MakeClient(config);
  ASSERT_TRUE(client->CreateBucket("bucket", {}, Soon()).ok());
  (*minio)->Kill();
  config.attempts_max = 2;
  const Status away = MakeClient(config)->ProbeBucket("bucket", "", Soon());
  ASSERT_FALSE(away.ok());
  EXPECT_EQ(away.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(away.error().message, HasSubstr("refused"));
  ASSERT_TRUE((*minio)->Restart().ok());
  // Over the connection of before, which the server's end has closed.
  const Status back = client->ProbeBucket("bucket", "", Soon());
  EXPECT_TRUE(back.ok()) << back.error().message;
}

}  // namespace
}  // namespace datashim::integration
