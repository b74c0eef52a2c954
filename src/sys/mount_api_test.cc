#include "sys/mount_api.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "sys/mount_table.h"
#include "sys/testing/private_mounts.h"

namespace datashim::sys {
namespace {

using ::testing::HasSubstr;

class OpenBeneathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(directory_.path() + "/a/b");
    std::filesystem::create_directory_symlink("a", directory_.path() + "/link");
    std::ofstream(directory_.path() + "/file") << "x";
    root_ = OpenDirectoryRoot(directory_.path()).value();
  }

  testing::TemporaryDirectory directory_;
  UniqueFd root_;
};

TEST_F(OpenBeneathTest, OpensDirectoriesBelow) {
  EXPECT_TRUE(OpenBeneath(root_, "a/b").ok());
}

TEST_F(OpenBeneathTest, RefusesEveryOtherWay) {
  const std::pair<const char*, ErrorCode> cases[] = {
      {"link", ErrorCode::kInvalidArgument},
      {"link/b", ErrorCode::kInvalidArgument},
      {"..", ErrorCode::kInvalidArgument},
      {"a/../..", ErrorCode::kInvalidArgument},
      {"/", ErrorCode::kInvalidArgument},
      {"file", ErrorCode::kInvalidArgument},
      {"none", ErrorCode::kNotFound},
      {"none/b", ErrorCode::kNotFound},
      {"", ErrorCode::kNotFound},
  };
  for (const auto& [path, code] : cases) {
    const auto fd = OpenBeneath(root_, path);
    ASSERT_FALSE(fd.ok()) << path;
    EXPECT_EQ(fd.error().code, code) << path << ": " << fd.error().message;
  }
  EXPECT_THAT(OpenBeneath(root_, "link/b").error().message,
              HasSubstr("symbolic link"));
}

TEST_F(OpenBeneathTest, OpensRegularFilesForReadingOnly) {
  const std::string path = directory_.path();
  std::ofstream(path + "/a/b/deep") << "x";
  std::filesystem::create_symlink("file", path + "/file-link");
  ASSERT_EQ(::mkfifo((path + "/fifo").c_str(), 0600), 0);
  const auto file = OpenFileBeneath(root_, "a/b/deep");
  ASSERT_TRUE(file.ok()) << file.error().message;
  char byte = 0;
  EXPECT_EQ(::read(file->get(), &byte, 1), 1);
  EXPECT_EQ(::write(file->get(), &byte, 1), -1);
  for (const char* const refused :
       {"file-link", "link/b/deep", "../x", "a/../../x", "/etc/passwd", "fifo",
        "a", ".", "file/x"}) {
    const auto opened = OpenFileBeneath(root_, refused);
    ASSERT_FALSE(opened.ok()) << refused;
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalidArgument)
        << refused << ": " << opened.error().message;
  }
  EXPECT_EQ(OpenFileBeneath(root_, "none").error().code, ErrorCode::kNotFound);
}

class MountApiTest : public OpenBeneathTest {
 protected:
  void SetUp() override {
    if (!testing::EnterPrivateMounts()) {
      GTEST_SKIP() << "mounting needs root";
    }
    OpenBeneathTest::SetUp();
  }
  void TearDown() override {
    for (const char* const name : {"a", "b"}) {
      while (root_ && Unmount(root_, name, /*detach=*/true).ok()) {
      }
    }
  }

  MountEntry EntryOf(const std::string& name) {
    const auto point = MountPointOf(OpenBeneath(root_, name).value()).value();
    EXPECT_TRUE(point.is_root) << name;
    const auto table = ReadMountTable().value();
    for (const MountEntry& entry : table) {
      if (entry.mount_id == point.mount_id) return entry;
    }
    ADD_FAILURE() << name << " is not in the mount table";
    return {};
  }
};

TEST_F(MountApiTest, MountsClonesAndUnmounts) {
  std::filesystem::create_directory(directory_.path() + "/b");
  const UniqueFd mount =
      CreateMount("tmpfs", {{"source", "test", false}, {"size", "1M", false}})
          .value();
  ASSERT_TRUE(AttachMount(mount, OpenBeneath(root_, "a").value()).ok());
  EXPECT_EQ(EntryOf("a").type, "tmpfs");
  EXPECT_EQ(EntryOf("a").source, "test");
  EXPECT_EQ(EntryOf("a").mount_point, directory_.path() + "/a");
  EXPECT_FALSE(EntryOf("a").read_only);

  UniqueFd clone =
      CloneMount(OpenBeneath(root_, "a").value(), /*read_only=*/true).value();
  ASSERT_TRUE(AttachMount(clone, OpenBeneath(root_, "b").value()).ok());
  EXPECT_TRUE(EntryOf("b").read_only);
  EXPECT_EQ(::mkdir((directory_.path() + "/a/new").c_str(), 0700), 0);
  EXPECT_EQ(::access((directory_.path() + "/b/new").c_str(), F_OK), 0);
  EXPECT_EQ(::mkdir((directory_.path() + "/b/x").c_str(), 0700), -1);
  EXPECT_EQ(errno, EROFS);

  clone.Reset();  // It would keep the mount busy.
  EXPECT_TRUE(Unmount(root_, "b", /*detach=*/false).ok());
  EXPECT_EQ(Unmount(root_, "b", /*detach=*/false).error().code,
            ErrorCode::kNotFound);
}

TEST_F(MountApiTest, BusyMountsAreDetachedOnlyWhenAsked) {
  const UniqueFd mount = CreateMount("tmpfs", {}).value();
  ASSERT_TRUE(AttachMount(mount, OpenBeneath(root_, "a").value()).ok());
  const Status busy = Unmount(root_, "a", /*detach=*/false);
  ASSERT_FALSE(busy.ok());
  EXPECT_EQ(busy.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_TRUE(Unmount(root_, "a", /*detach=*/true).ok());
  EXPECT_FALSE(MountPointOf(OpenBeneath(root_, "a").value())->is_root);
}

TEST_F(MountApiTest, UnmountDoesNotFollowLinks) {
  const UniqueFd mount = CreateMount("tmpfs", {}).value();
  ASSERT_TRUE(AttachMount(mount, OpenBeneath(root_, "a").value()).ok());
  EXPECT_FALSE(Unmount(root_, "link", /*detach=*/true).ok());
  EXPECT_TRUE(MountPointOf(OpenBeneath(root_, "a").value())->is_root);
}

TEST_F(MountApiTest, SaysWhatTheKernelDoesNotLike) {
  const auto mount = CreateMount("tmpfs", {{"nonsense", "1", false}});
  ASSERT_FALSE(mount.ok());
  EXPECT_EQ(mount.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(mount.error().message, HasSubstr("nonsense"));
  EXPECT_FALSE(CreateMount("no-such-type", {}).ok());
}

TEST_F(MountApiTest, ReadaheadNamesTheMissingDevice) {
  const Status written = WriteReadahead(4095, 4095, 128);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(written.error().message, HasSubstr("4095:4095"));
}

}  // namespace
}  // namespace datashim::sys
