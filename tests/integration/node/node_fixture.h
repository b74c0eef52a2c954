// NodeTest: the volumes of a node with everything real: keeper process, kernel
// mounts and MinIO.

#pragma once

#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "child_process.h"
#include "keeper/client.h"
#include "keeper/keeper.h"
#include "minio.h"
#include "node/node_volume_host.h"
#include "oidc_issuer.h"
#include "s3/client.h"
#include "s3/object_store.h"
#include "sys/mount_table.h"
#include "sys/testing/private_mounts.h"

namespace datashim::integration {

inline constexpr char kKeeperVariable[] = "DATASHIM_TEST_KEEPER_DIRECTORY";
inline constexpr char kVolume[] = "vol-1";

inline Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

inline keeper::KeeperOptions KeeperOptionsIn(const std::string& directory) {
  keeper::KeeperOptions options;
  options.socket_path = directory + "/keeper.sock";
  options.kubelet_dir = directory + "/kubelet";
  options.cache_dir = directory + "/cache";
  return options;
}

inline constexpr char kAudience[] = "sts.minio";

inline OidcIssuer& Issuer() {
  static OidcIssuer issuer;
  return issuer;
}

/// Takes the tokens of Issuer().
inline Minio& Server() {
  static const std::unique_ptr<Minio> server =
      Minio::Start(
          Minio::Protocol::kHttp,
          {"MINIO_IDENTITY_OPENID_CONFIG_URL=" + Issuer().discovery_url(),
           std::string("MINIO_IDENTITY_OPENID_CLIENT_ID=") + kAudience,
           "MINIO_IDENTITY_OPENID_CLAIM_NAME=policy"})
          .value();
  return *server;
}

inline dataset::VolumeConfig ConfigOf(const std::string& bucket) {
  dataset::VolumeConfig config;
  config.endpoint = Server().url();
  config.bucket = bucket;
  config.access_key_id = SecretString(Minio::kAccessKey);
  config.secret_access_key = SecretString(Minio::kSecretKey);
  config.files.metadata_ttl = std::chrono::seconds(0);
  return config;
}

/// A bucket as another client sees it.
class Bucket {
 public:
  explicit Bucket(const std::string& name) : name_(name) {
    s3::S3Config config;
    config.endpoint = Server().url();
    const auto client =
        s3::S3Client::Make(config,
                           std::make_shared<s3::UpdatableCredentials>(
                               s3::Credentials{SecretString(Minio::kAccessKey),
                                               SecretString(Minio::kSecretKey),
                                               {}}))
            .value();
    DS_CHECK(client->CreateBucket(name, {}, Soon()).ok());
    store_ = s3::MakeObjectStore(client, name, "").value();
  }
  const std::string& name() const { return name_; }
  void Put(const std::string& key, const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    ASSERT_TRUE(store_->Put(key, bytes, {}, Soon()).ok());
  }
  std::string Get(const std::string& key) {
    std::string text(1000, '\0');
    const auto bytes = store_->Get(
        key, "", {0, text.size()},
        std::as_writable_bytes(std::span(text.data(), text.size())), Soon());
    return bytes.ok() ? text.substr(0, *bytes) : "no object";
  }

 private:
  const std::string name_;
  std::shared_ptr<store::ObjectStore> store_;
};

inline std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "error " + std::to_string(errno);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline int StatErrno(const std::string& path) {
  struct stat status = {};
  return ::stat(path.c_str(), &status) == 0 ? 0 : errno;
}

class NodeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sys::testing::EnterPrivateMounts()) {
      GTEST_SKIP() << "mounting needs root";
    }
    for (const std::string& path : {staging_, Pod("a"), Pod("b")}) {
      std::filesystem::create_directories(
          std::filesystem::path(path).parent_path());
    }
    std::filesystem::create_directories(staging_);
    std::filesystem::create_directories(cache_);
    ::setenv(kKeeperVariable, directory_.path().c_str(), 1);
    StartKeeper();
    StartHost();
  }

  void StartKeeper() {
    auto keeper = ChildProcess::Start({"/proc/self/exe"},
                                      directory_.path() + "/keeper.log");
    ASSERT_TRUE(keeper.ok());
    keeper_process_ = *std::move(keeper);
  }

  void TearDown() override {
    if (keeper_process_ == nullptr) return;
    // What a test left published.
    for (const std::string& path : {Pod("a"), Pod("b")}) {
      EXPECT_TRUE(host_->Unpublish(kVolume, path).ok());
    }
    EXPECT_TRUE(host_->Unstage(kVolume, staging_).ok());
    EXPECT_THAT(Mounts(), ::testing::IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(Pod("a")));
    EXPECT_FALSE(std::filesystem::exists(mounts_ + "/" + kVolume));
  }

  /// A node process: the first, or one after a crash.
  void StartHost() {
    StopHost();
    auto client =
        keeper::Client::Connect(directory_.path() + "/keeper.sock", Soon());
    ASSERT_TRUE(client.ok())
        << client.error().message << TailOf(directory_.path() + "/keeper.log");
    client_ = *std::move(client);
    node::VolumeHostOptions options;
    options.mounts_dir = mounts_;
    options.cache = cache_settings_;
    options.tokens.web_identity_audience = kAudience;
    options.tokens.sts_endpoints = {Server().url()};
    host_.emplace(*client_, std::move(options));
  }

  void StopHost() {
    host_.reset();
    client_.reset();
  }

  std::string Pod(const std::string& name) const {
    return directory_.path() + "/kubelet/pods/" + name + "/mount";
  }

  std::vector<std::string> Mounts() const {
    std::vector<std::string> paths;
    const auto table = sys::ReadMountTable();
    EXPECT_TRUE(table.ok());
    for (const auto& mount : *table) {
      if (mount.mount_point.starts_with(directory_.path())) {
        paths.push_back(mount.mount_point);
      }
    }
    return paths;
  }

  /// Neither on the disk nor in what the keeper keeps of the mounts.
  void ExpectNowhere(const std::string& secret) {
    // Not into the mounts, whose files are the bucket's.
    const auto mounts = Mounts();
    std::size_t files = 0;
    std::filesystem::recursive_directory_iterator it(directory_.path());
    for (; it != std::filesystem::recursive_directory_iterator(); ++it) {
      const std::string path = it->path();
      if (std::find(mounts.begin(), mounts.end(), path) != mounts.end()) {
        it.disable_recursion_pending();
      } else if (it->is_regular_file()) {
        ++files;
        EXPECT_EQ(Read(path).find(secret), std::string::npos) << path;
      }
    }
    EXPECT_GT(files, 0u);  // The log of the keeper, at least.
    const auto kept = client_->KeptMounts(Soon());
    ASSERT_TRUE(kept.ok());
    ASSERT_FALSE(kept->empty());
    for (const keeper::KeptMount& mount : *kept) {
      const std::string state =
          Read("/proc/self/fd/" + std::to_string(mount.state_fd.get()));
      EXPECT_NE(state.find(kVolume), std::string::npos);
      EXPECT_EQ(state.find(secret), std::string::npos);
    }
  }

  Status Stage(const dataset::VolumeConfig& config) {
    return host_->Stage({kVolume, staging_, false, config.ToSecretData()});
  }
  Status Publish(const std::string& pod, const dataset::VolumeConfig& config,
                 bool read_only = false) {
    return host_->Publish(
        {kVolume, staging_, Pod(pod), read_only, config.ToSecretData()});
  }

  const sys::testing::TemporaryDirectory directory_;
  const std::string staging_ = directory_.path() + "/kubelet/staging/mount";
  const std::string mounts_ = directory_.path() + "/kubelet/plugin/mounts";
  const std::string cache_ = directory_.path() + "/cache";
  node::CacheSettings cache_settings_;  // None, unless a test says so.
  std::unique_ptr<ChildProcess> keeper_process_;
  std::unique_ptr<keeper::Client> client_;
  std::optional<node::NodeVolumeHost> host_;
};

#define EXPECT_OK(expression)                           \
  do {                                                  \
    const Status status = (expression);                 \
    EXPECT_TRUE(status.ok()) << status.error().message; \
  } while (false)

}  // namespace datashim::integration
