// What the keeper does with mounts and directories, and what it refuses.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "keeper/client.h"
#include "keeper/policy.h"
#include "keeper/testing/keeper_fixture.h"
#include "keeper/testing/tiny_fuse.h"

namespace datashim::keeper {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(KeeperTest, MountsAndAnswersTheSameConnectionAgain) {
  auto made = client_->MountFuse(Spec(), Soon());
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_TRUE(made->is_new);
  const auto entry = EntryAt(stage_);
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->type, "fuse.datashim");
  EXPECT_EQ(entry->source, "datashim");
  EXPECT_FALSE(entry->read_only);

  auto again = client_->MountFuse(Spec(), Soon());
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_FALSE(again->is_new);
  made->fd.Reset();
  const testing::TinyFuse fuse(std::move(again->fd));
  struct stat found = {};
  EXPECT_EQ(::stat(stage_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode, S_IFDIR | 0755U);
  EXPECT_TRUE(fuse.saw_init());
}

TEST_F(KeeperTest, AnswersWhileNobodyServesTheMount) {
  // Each of these would wait for ever if it asked the FUSE server.
  const auto made = client_->MountFuse(Spec(), Soon());
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_TRUE(client_->SetReadahead(stage_, 256, Soon()).ok());
  EXPECT_TRUE(client_->Bind(stage_, publish_, false, Soon()).ok());
  EXPECT_TRUE(client_->MakeDirectory(stage_, Soon()).ok());
  EXPECT_EQ(CodeOf(client_->RemoveDirectory(stage_, Soon())),
            ErrorCode::kFailedPrecondition);
  for (const std::string& through : {stage_ + "/x", publish_ + "/x/y"}) {
    const Status made_directory = client_->MakeDirectory(through, Soon());
    ASSERT_FALSE(made_directory.ok());
    EXPECT_EQ(made_directory.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(made_directory.error().message, HasSubstr("leads through"));
  }
}

TEST_F(KeeperTest, AnotherMountAtTheTargetIsAConflict) {
  ASSERT_TRUE(client_->MountFuse(Spec(), Soon()).ok());
  MountSpec other = Spec();
  other.location_id = "other";
  const auto made = client_->MountFuse(other, Soon());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(client_->MountFuse(Spec(/*read_only=*/true), Soon()).error().code,
            ErrorCode::kAlreadyExists);
  ASSERT_TRUE(client_->Unmount(stage_, false, Soon()).ok());
  EXPECT_TRUE(client_->MountFuse(other, Soon())->is_new);
}

TEST_F(KeeperTest, BindsReadOnlyAndReadWrite) {
  const testing::TinyFuse fuse(client_->MountFuse(Spec(), Soon()).value().fd);
  ASSERT_TRUE(client_->Bind(stage_, publish_, true, Soon()).ok());
  ASSERT_TRUE(client_->Bind(stage_, other_, false, Soon()).ok());
  EXPECT_EQ(::mkdir((publish_ + "/x").c_str(), 0700), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(::mkdir((other_ + "/x").c_str(), 0700), -1);
  EXPECT_EQ(errno, ENOSYS) << "must reach the server";

  EXPECT_TRUE(client_->Bind(stage_, publish_, true, Soon()).ok());
  EXPECT_EQ(CodeOf(client_->Bind(stage_, publish_, false, Soon())),
            ErrorCode::kAlreadyExists);
  ASSERT_TRUE(client_->Unmount(publish_, false, Soon()).ok());
  EXPECT_FALSE(EntryAt(publish_)) << "bound twice";
}

TEST_F(KeeperTest, ReadOnlyMountsRefuseWritesEverywhere) {
  const testing::TinyFuse fuse(
      client_->MountFuse(Spec(/*read_only=*/true), Soon()).value().fd);
  ASSERT_TRUE(client_->Bind(stage_, publish_, false, Soon()).ok());
  EXPECT_EQ(::mkdir((publish_ + "/x").c_str(), 0700), -1);
  EXPECT_EQ(errno, EROFS);
}

TEST_F(KeeperTest, SetsTheReadaheadAfterInit) {
  const testing::TinyFuse fuse(client_->MountFuse(Spec(), Soon()).value().fd);
  struct statfs ignored = {};
  ::statfs(stage_.c_str(), &ignored);  // Returns when INIT was answered.
  ASSERT_TRUE(client_->SetReadahead(stage_, 1024, Soon()).ok());
  const auto entry = EntryAt(stage_);
  std::ifstream file("/sys/class/bdi/" + std::to_string(entry->device_major) +
                     ":" + std::to_string(entry->device_minor) +
                     "/read_ahead_kb");
  int readahead_kib = 0;
  file >> readahead_kib;
  EXPECT_EQ(readahead_kib, 1024);
  EXPECT_EQ(CodeOf(client_->SetReadahead(other_, 1024, Soon())),
            ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(client_->SetReadahead(stage_, 0, Soon())),
            ErrorCode::kInvalidArgument);
}

TEST_F(KeeperTest, UnmountIsIdempotentAndEndsTheConnection) {
  auto made = client_->MountFuse(Spec(), Soon());
  ASSERT_TRUE(client_->Unmount(stage_, false, Soon()).ok());
  EXPECT_TRUE(client_->Unmount(stage_, false, Soon()).ok());
  EXPECT_TRUE(client_->Unmount(kubelet_ + "/none/x", false, Soon()).ok());
  EXPECT_FALSE(EntryAt(stage_));
  std::vector<char> request(1 << 17);  // The kernel takes no smaller one.
  EXPECT_EQ(::read(made->fd.get(), request.data(), request.size()), -1);
  EXPECT_EQ(errno, ENODEV);
  EXPECT_THAT(client_->KeptMounts(Soon()).value(), IsEmpty());
  made->fd.Reset();
  EXPECT_EQ(OpenFuseDescriptors(), 0) << "keeper and client dropped theirs";
}

TEST_F(KeeperTest, BusyMountsAreDetachedOnlyWhenAsked) {
  const testing::TinyFuse fuse(client_->MountFuse(Spec(), Soon()).value().fd);
  const sys::UniqueFd open_there(
      ::open(stage_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(open_there);
  EXPECT_EQ(CodeOf(client_->Unmount(stage_, false, Soon())),
            ErrorCode::kFailedPrecondition);
  EXPECT_THAT(client_->KeptMounts(Soon()).value(), SizeIs(1));
  EXPECT_TRUE(client_->Unmount(stage_, true, Soon()).ok());
  EXPECT_FALSE(EntryAt(stage_));
}

TEST_F(KeeperTest, MountsOfOthersAreLeftAlone) {
  ASSERT_EQ(::mount("none", other_.c_str(), "tmpfs", 0, nullptr), 0);
  MountSpec spec = Spec();
  spec.target = other_;
  EXPECT_EQ(client_->MountFuse(spec, Soon()).error().code,
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(CodeOf(client_->Unmount(other_, true, Soon())),
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(client_->Bind(other_, publish_, false, Soon())),
            ErrorCode::kNotFound);
  ASSERT_TRUE(client_->MountFuse(Spec(), Soon()).ok());
  EXPECT_EQ(CodeOf(client_->Bind(stage_, other_, false, Soon())),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(::umount2(other_.c_str(), 0), 0);
}

TEST_F(KeeperTest, SymbolicLinksAreRefused) {
  const sys::testing::TemporaryDirectory outside;
  std::filesystem::create_directory(outside.path() + "/d");
  std::filesystem::create_directory_symlink(outside.path(), kubelet_ + "/link");
  std::filesystem::create_directory_symlink("stage", kubelet_ + "/inner");
  ASSERT_TRUE(client_->MountFuse(Spec(), Soon()).ok());
  for (const char* const name : {"/link", "/link/d", "/inner"}) {
    MountSpec spec = Spec();
    spec.target = kubelet_ + name;
    const auto made = client_->MountFuse(spec, Soon());
    ASSERT_FALSE(made.ok()) << name;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(made.error().message, HasSubstr("symbolic link"));
    EXPECT_EQ(CodeOf(client_->Bind(stage_, spec.target, false, Soon())),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(client_->Bind(spec.target, publish_, false, Soon())),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(client_->Unmount(spec.target, true, Soon())),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(client_->RemoveDirectory(spec.target, Soon())),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(client_->MakeDirectory(spec.target + "/new", Soon())),
              ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(std::filesystem::exists(outside.path() + "/new"));
  EXPECT_FALSE(EntryAt(outside.path() + "/d"));
}

TEST_F(KeeperTest, PathsOutsideAreRefused) {
  for (const std::string& path :
       {directory_.path(), kubelet_, kubelet_ + "/../x", std::string("/etc"),
        kubelet_ + "2/x", std::string("stage"), std::string()}) {
    MountSpec spec = Spec();
    spec.target = path;
    const auto made = client_->MountFuse(spec, Soon());
    ASSERT_FALSE(made.ok()) << path;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument) << path;
    EXPECT_EQ(CodeOf(client_->MakeDirectory(path, Soon())),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(client_->RemoveDirectory(path, Soon())),
              ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(client_->Unmount(path, true, Soon())),
              ErrorCode::kInvalidArgument);
  }
  MountSpec spec = Spec();
  spec.volume_id = "../x";
  EXPECT_EQ(client_->MountFuse(spec, Soon()).error().code,
            ErrorCode::kInvalidArgument);
}

TEST_F(KeeperTest, MakesAndRemovesDirectories) {
  const std::string path = kubelet_ + "/plugins/a/b";
  MountSpec spec = Spec();
  spec.target = path;
  EXPECT_EQ(client_->MountFuse(spec, Soon()).error().code,
            ErrorCode::kNotFound);
  EXPECT_TRUE(client_->MakeDirectory(path, Soon()).ok());
  EXPECT_TRUE(client_->MakeDirectory(path, Soon()).ok());
  struct stat found = {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode, S_IFDIR | 0750U);
  EXPECT_EQ(CodeOf(client_->RemoveDirectory(kubelet_ + "/plugins", Soon())),
            ErrorCode::kFailedPrecondition);
  EXPECT_TRUE(client_->RemoveDirectory(path, Soon()).ok());
  EXPECT_TRUE(client_->RemoveDirectory(path, Soon()).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

// A keeper that answers greetings only.

}  // namespace
}  // namespace datashim::keeper
