// The volumes of a node.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "node/volume_state.h"
#include "node_fixture.h"

namespace datashim::integration {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(NodeTest, AVolumeForOnePodIsNotPublishedTwice) {
  const Bucket bucket("one-pod");
  const auto publish = [&](const char* pod) {
    return host_->Publish({kVolume, staging_, Pod(pod), false,
                           ConfigOf("one-pod").ToSecretData(), true});
  };
  EXPECT_OK(Stage(ConfigOf("one-pod")));
  EXPECT_OK(publish("a"));
  EXPECT_OK(publish("a"));
  const Status second = publish("b");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(second.error().message, HasSubstr(Pod("a")));
  EXPECT_OK(host_->Unpublish(kVolume, Pod("a")));
  EXPECT_OK(publish("b"));
}

TEST_F(NodeTest, PodsReadAndWriteTheBucket) {
  Bucket bucket("pods");
  bucket.Put("d/f", "content");
  EXPECT_OK(host_->Ready());
  EXPECT_OK(Stage(ConfigOf("pods")));
  EXPECT_OK(Publish("a", ConfigOf("pods")));
  EXPECT_OK(Publish("b", ConfigOf("pods")));
  EXPECT_EQ(Read(Pod("a") + "/d/f"), "content");
  std::ofstream(Pod("a") + "/new") << "written";
  EXPECT_EQ(bucket.Get("new"), "written");
  EXPECT_EQ(Read(Pod("b") + "/new"), "written");
  struct stat first = {};
  struct stat second = {};
  ASSERT_EQ(::stat(Pod("a").c_str(), &first), 0);
  ASSERT_EQ(::stat(Pod("b").c_str(), &second), 0);
  EXPECT_EQ(first.st_dev, second.st_dev) << "one file system for both";
  EXPECT_THAT(Mounts(), SizeIs(3));

  // Repeated calls, as the kubelet makes them, change nothing.
  EXPECT_OK(Stage(ConfigOf("pods")));
  EXPECT_OK(Publish("a", ConfigOf("pods")));
  EXPECT_THAT(Mounts(), SizeIs(3));
  EXPECT_OK(host_->Unpublish(kVolume, Pod("a")));
  EXPECT_OK(host_->Unpublish(kVolume, Pod("a")));
  EXPECT_EQ(Read(Pod("b") + "/new"), "written");
  const Status unstaged = host_->Unstage(kVolume, staging_);
  EXPECT_EQ(unstaged.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_OK(host_->Unpublish(kVolume, Pod("b")));
  EXPECT_OK(host_->Unstage(kVolume, staging_));
  EXPECT_OK(host_->Unstage(kVolume, staging_));
}

TEST_F(NodeTest, ReadOnlyIsEnforced) {
  Bucket bucket("read-only");
  bucket.Put("f", "content");
  dataset::VolumeConfig config = ConfigOf("read-only");
  EXPECT_OK(Stage(config));
  EXPECT_OK(Publish("a", config, true));
  EXPECT_EQ(::mkdir((Pod("a") + "/d").c_str(), 0700), -1);
  EXPECT_EQ(errno, EROFS);
  config.read_only = true;
  EXPECT_OK(Publish("b", config));
  EXPECT_EQ(Read(Pod("b") + "/f"), "content");
  EXPECT_EQ(::unlink((Pod("b") + "/f").c_str()), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(bucket.Get("f"), "content");
}

TEST_F(NodeTest, FilesLookAsTheVolumeSays) {
  Bucket bucket("looks");
  bucket.Put("dir/file", "x");
  dataset::VolumeConfig config = ConfigOf(bucket.name());
  config.files = {.uid = 1234,
                  .gid = 77,
                  .file_mode = 0640,
                  .directory_mode = 0750,
                  .metadata_ttl = std::chrono::seconds(0)};
  EXPECT_OK(Stage(config));
  EXPECT_OK(Publish("a", config));
  struct stat status = {};
  ASSERT_EQ(::stat((Pod("a") + "/dir").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750u);
  ASSERT_EQ(::stat((Pod("a") + "/dir/file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
  EXPECT_EQ(status.st_uid, 1234u);
  EXPECT_EQ(status.st_gid, 77u);
  // Nothing is remembered.
  EXPECT_EQ(StatErrno(Pod("a") + "/new"), ENOENT);
  bucket.Put("new", "y");
  EXPECT_EQ(StatErrno(Pod("a") + "/new"), 0);
}

/// Upstream's drivers write the keys into files of their container.
TEST_F(NodeTest, KeysAreInNoFileOfTheNode) {
  Bucket bucket("keys");
  EXPECT_OK(Stage(ConfigOf(bucket.name())));
  EXPECT_OK(Publish("a", ConfigOf(bucket.name())));
  ExpectNowhere(Minio::kSecretKey);
}

TEST_F(NodeTest, NewKeysReachALiveMount) {
  Bucket bucket("rotation");
  bucket.Put("f", "content");
  EXPECT_OK(Stage(ConfigOf("rotation")));
  EXPECT_OK(Publish("a", ConfigOf("rotation")));
  EXPECT_EQ(Read(Pod("a") + "/f"), "content");
  dataset::VolumeConfig revoked = ConfigOf("rotation");
  revoked.secret_access_key = SecretString("no-key-of-this-server");
  EXPECT_OK(Publish("a", revoked));
  EXPECT_EQ(StatErrno(Pod("a") + "/never-asked"), EACCES);
  EXPECT_OK(Publish("a", ConfigOf("rotation")));
  EXPECT_EQ(StatErrno(Pod("a") + "/never-asked-2"), ENOENT);
}

TEST_F(NodeTest, ANewPlaceIsForNewPodsOnly) {
  Bucket old_bucket("old-place");
  Bucket new_bucket("new-place");
  old_bucket.Put("f", "old");
  new_bucket.Put("f", "new");
  EXPECT_OK(Stage(ConfigOf("old-place")));
  EXPECT_OK(Publish("a", ConfigOf("old-place")));
  EXPECT_OK(Publish("a", ConfigOf("new-place")));
  EXPECT_EQ(Read(Pod("a") + "/f"), "old");
  EXPECT_OK(Publish("b", ConfigOf("new-place")));
  EXPECT_EQ(Read(Pod("a") + "/f"), "old");
  EXPECT_EQ(Read(Pod("b") + "/f"), "new");
  EXPECT_THAT(Mounts(), SizeIs(4));
  EXPECT_OK(host_->Unpublish(kVolume, Pod("b")));
  EXPECT_THAT(Mounts(), SizeIs(2)) << "the new place has no pod any more";
  EXPECT_EQ(Read(Pod("a") + "/f"), "old");
}

TEST_F(NodeTest, WhatCannotBeStagedIsSaidAndLeavesNothing) {
  Bucket bucket("failures");
  dataset::VolumeConfig config = ConfigOf("failures");
  config.secret_access_key = SecretString("no-key-of-this-server");
  Status staged = Stage(config);
  EXPECT_EQ(staged.error().code, ErrorCode::kUnauthenticated);
  EXPECT_THAT(staged.error().message, HasSubstr("failures"));
  staged = Stage(ConfigOf("failures-missing"));
  EXPECT_EQ(staged.error().code, ErrorCode::kNotFound);
  staged = host_->Stage({kVolume, staging_, false, {}});
  EXPECT_EQ(staged.error().code, ErrorCode::kInvalidArgument);
  const Status published =
      host_->Publish({kVolume, staging_, Pod("a"), false, {}});
  EXPECT_EQ(published.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(Mounts(), IsEmpty());
}

TEST_F(NodeTest, ThePlaceThatWasStagedServesWithoutSecrets) {
  Bucket bucket("no-secrets");
  bucket.Put("f", "content");
  EXPECT_OK(Stage(ConfigOf("no-secrets")));
  EXPECT_OK(host_->Publish({kVolume, staging_, Pod("a"), false, {}}));
  EXPECT_EQ(Read(Pod("a") + "/f"), "content");
}

TEST_F(NodeTest, StatsAreOfTheMount) {
  Bucket bucket("stats");
  EXPECT_OK(Stage(ConfigOf("stats")));
  EXPECT_OK(Publish("a", ConfigOf("stats")));
  for (const std::string& path : {staging_, Pod("a")}) {
    const auto stats = host_->Stats(kVolume, path);
    ASSERT_TRUE(stats.ok()) << stats.error().message;
    EXPECT_GT(stats->total_bytes, 0u);
    EXPECT_EQ(stats->used_bytes + stats->available_bytes, stats->total_bytes);
    EXPECT_TRUE(stats->healthy);
  }
  EXPECT_EQ(host_->Stats(kVolume, Pod("b")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(host_->Stats("vol-2", Pod("a")).error().code, ErrorCode::kNotFound);
}

TEST_F(NodeTest, TheNextProcessPublishesAgain) {
  Bucket bucket("restart");
  bucket.Put("f", "content");
  EXPECT_OK(Stage(ConfigOf("restart")));
  EXPECT_OK(Publish("a", ConfigOf("restart")));
  StartHost();
  auto kept = client_->KeptMounts(Soon());
  ASSERT_TRUE(kept.ok());
  ASSERT_THAT(*kept, SizeIs(1));
  const auto state = node::ReadVolumeState(kept->front().state_fd);
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ(state->volume_id, kVolume);
  EXPECT_THAT(state->target_paths, ::testing::ElementsAre(Pod("a")));
  kept->clear();

  EXPECT_OK(host_->EndFormerMounts(Soon()));
  EXPECT_EQ(StatErrno(Pod("a") + "/f"), ENOTCONN) << "an error, and no hang";
  EXPECT_OK(Publish("a", ConfigOf("restart")));
  EXPECT_EQ(Read(Pod("a") + "/f"), "content");
  EXPECT_OK(Publish("b", ConfigOf("restart")));
  EXPECT_EQ(Read(Pod("b") + "/f"), "content");
}

TEST_F(NodeTest, AMountThatWasLostIsMadeAgain) {
  Bucket bucket("repair");
  bucket.Put("f", "content");
  EXPECT_OK(Stage(ConfigOf("repair")));
  EXPECT_OK(Publish("a", ConfigOf("repair")));
  EXPECT_OK(client_->Unmount(Pod("a"), true, Soon()));
  EXPECT_OK(client_->Unmount(staging_, true, Soon()));
  const Deadline deadline = Soon();
  while (host_->Stats(kVolume, Pod("a"))->healthy) {
    ASSERT_FALSE(deadline.HasPassed());
  }
  EXPECT_OK(Publish("a", ConfigOf("repair")));
  EXPECT_EQ(Read(Pod("a") + "/f"), "content");
}

}  // namespace
}  // namespace datashim::integration

/// The keeper of the tests is this program, too.
int main(int argc, char** argv) {
  using datashim::integration::kKeeperVariable;
  if (const char* const directory = ::getenv(kKeeperVariable)) {
    return datashim::keeper::RunKeeper(
        datashim::integration::KeeperOptionsIn(directory));
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
