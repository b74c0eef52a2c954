// Files of the cache directory that the keeper hands to the kernel, and all
// that it does not.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "base/testing/eventually.h"
#include "keeper/client.h"
#include "keeper/policy.h"
#include "keeper/testing/keeper_fixture.h"
#include "keeper/testing/tiny_fuse.h"

namespace datashim::keeper {
namespace {

using datashim::testing::Eventually;
using ::testing::HasSubstr;

/// A mount at stage_ whose INIT agreed on passthrough, and a file "d/f" in a
/// cache directory that is a disk of its own.
class BackingsTest : public KeeperTest {
 protected:
  void SetUp() override {
    KeeperTest::SetUp();
    if (IsSkipped()) return;
    ASSERT_EQ(::mount("none", cache_.c_str(), "tmpfs", 0, nullptr), 0);
    server_.reset();
    StartServer();
    MountAgain();
    if (!fuse_->saw_passthrough()) {
      GTEST_SKIP() << "this kernel has no FUSE passthrough";
    }
    std::filesystem::create_directory(cache_ + "/d");
    std::ofstream(cache_ + "/d/f") << "content";
  }
  void TearDown() override {
    KeeperTest::TearDown();
    ::umount2(cache_.c_str(), MNT_DETACH);
  }

  void MountAgain() {
    fuse_.reset();
    fuse_.emplace(client_->MountFuse(Spec(), Soon()).value().fd);
    WaitForInit(stage_);
  }
  static void WaitForInit(const std::string& path) {
    struct statfs ignored = {};
    ::statfs(path.c_str(), &ignored);
  }
  /// Files that are removed and still open count, too.
  std::uint64_t FilesOfTheDisk() const {
    struct statfs found = {};
    EXPECT_EQ(::statfs(cache_.c_str(), &found), 0);
    return found.f_files - found.f_ffree;
  }
  std::uint64_t InodeOf(const std::string& name) const {
    struct stat found = {};
    ::stat((cache_ + "/" + name).c_str(), &found);
    return found.st_ino;
  }
  Result<std::int32_t> Open(const std::string& name) {
    return client_->OpenBacking(stage_, name, InodeOf(name), Soon());
  }
  /// What the keeper says to a request that closes it; nullopt: done.
  std::optional<ErrorCode> Close(const std::string& target, std::int32_t id) {
    Request request;
    request.operation = Operation::kCloseBacking;
    request.target = target;
    request.backing_id = id;
    const Reply reply = ReplyTo(request);
    if (!reply.error) return std::nullopt;
    return reply.error->code;
  }

  std::optional<testing::TinyFuse> fuse_;
};

TEST_F(BackingsTest, FilesOfTheCacheAreHandedOver) {
  const auto first = Open("d/f");
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto second = Open("d/f");
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_NE(*first, *second);
  EXPECT_EQ(Close(stage_, *second), std::nullopt);
  EXPECT_EQ(Close(stage_, *second), ErrorCode::kNotFound);
  // In the background.
  const std::uint64_t files = FilesOfTheDisk();
  std::filesystem::remove(cache_ + "/d/f");
  EXPECT_EQ(FilesOfTheDisk(), files) << "the kernel has it";
  client_->CloseBacking(stage_, *first);
  EXPECT_TRUE(Eventually([&] { return FilesOfTheDisk() == files - 1; }));
}

TEST_F(BackingsTest, NothingElseIs) {
  std::ofstream(directory_.path() + "/secret") << "x";
  std::filesystem::create_symlink("d/f", cache_ + "/link");
  std::filesystem::create_symlink("../secret", cache_ + "/out");
  std::filesystem::create_directory_symlink("d", cache_ + "/dir-link");
  ASSERT_EQ(::mkfifo((cache_ + "/fifo").c_str(), 0600), 0);
  ASSERT_EQ(::mknod((cache_ + "/null").c_str(), S_IFCHR | 0600, makedev(1, 3)),
            0);
  std::filesystem::create_directory(cache_ + "/other-disk");
  ASSERT_EQ(
      ::mount("none", (cache_ + "/other-disk").c_str(), "tmpfs", 0, nullptr),
      0);
  std::ofstream(cache_ + "/other-disk/f") << "x";
  for (const std::string& name : {std::string("link"),
                                  std::string("out"),
                                  std::string("dir-link/f"),
                                  std::string("fifo"),
                                  std::string("null"),
                                  std::string("d"),
                                  std::string("other-disk/f"),
                                  std::string("other-disk"),
                                  std::string("../secret"),
                                  std::string("d/../../secret"),
                                  std::string("d/../d/f"),
                                  std::string("d//f"),
                                  std::string("./d/f"),
                                  std::string("d/f/"),
                                  std::string("."),
                                  std::string(".."),
                                  std::string(),
                                  std::string("/etc/passwd"),
                                  cache_ + "/d/f",
                                  std::string("d/f\n")}) {
    const auto refused = Open(name);
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument)
        << name << ": " << refused.error().message;
  }
  EXPECT_EQ(Open("none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(::umount2((cache_ + "/other-disk").c_str(), 0), 0);
}

TEST_F(BackingsTest, AFileThatReplacedTheOneThatIsMeantIsNot) {
  const std::uint64_t inode = InodeOf("d/f");
  std::ofstream(cache_ + "/d/new") << "other";
  std::filesystem::rename(cache_ + "/d/new", cache_ + "/d/f");
  const auto refused = client_->OpenBacking(stage_, "d/f", inode, Soon());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(refused.error().message, HasSubstr("another one"));
}

TEST_F(BackingsTest, AMountHasItsOwnNumbers) {
  MountSpec spec = Spec();
  spec.target = other_;
  const testing::TinyFuse second(client_->MountFuse(spec, Soon()).value().fd);
  WaitForInit(other_);
  const auto id = Open("d/f");
  ASSERT_TRUE(id.ok()) << id.error().message;
  EXPECT_EQ(Close(other_, *id), ErrorCode::kNotFound);
  EXPECT_EQ(Close(other_, -1), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Close(kubelet_ + "/none", *id), ErrorCode::kNotFound);
  EXPECT_EQ(Close(stage_, *id), std::nullopt);
}

TEST_F(BackingsTest, AMountThatCannotTakeAnyIsToldSo) {
  MountSpec spec = Spec();
  spec.target = other_;
  const auto made = client_->MountFuse(spec, Soon());  // INIT is not answered.
  const auto refused =
      client_->OpenBacking(other_, "d/f", InodeOf("d/f"), Soon());
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(client_->OpenBacking(publish_, "d/f", InodeOf("d/f"), Soon())
                .error()
                .code,
            ErrorCode::kNotFound);
  server_.reset();
  server_.emplace(socket_, kubelet_, "");
  EXPECT_EQ(Open("d/f").error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(BackingsTest, AMountHasNoMoreThanTheLimit) {
  server_.reset();
  Mounts mounts(KubeletTree::Open(kubelet_).value(), "/dev/fuse",
                CacheTree::Open(cache_).value());
  MountSpec spec = Spec();
  spec.target = other_;
  const testing::TinyFuse fuse(mounts.MountFuse(spec).value().fd);
  WaitForInit(other_);
  const std::uint64_t inode = InodeOf("d/f");
  std::int32_t last = 0;
  for (std::uint32_t i = 0; i < kBackingsPerMountMax; ++i) {
    const auto id = mounts.OpenBacking(other_, "d/f", inode);
    ASSERT_TRUE(id.ok()) << id.error().message;
    last = *id;
  }
  EXPECT_EQ(mounts.OpenBacking(other_, "d/f", inode).error().code,
            ErrorCode::kResourceExhausted);
  EXPECT_TRUE(mounts.CloseBacking(other_, last).ok());
  EXPECT_FALSE(mounts.CloseBacking(other_, last).ok()) << "counted twice";
  EXPECT_TRUE(mounts.OpenBacking(other_, "d/f", inode).ok());
  EXPECT_FALSE(mounts.OpenBacking(other_, "d/f", inode).ok());
  EXPECT_TRUE(mounts.Unmount(other_, false).ok());
  StartServer();
}

TEST_F(BackingsTest, AKeeperThatWasAwayIsToldWhatWasClosed) {
  const auto id = Open("d/f");
  ASSERT_TRUE(id.ok()) << id.error().message;
  const std::uint64_t files = FilesOfTheDisk();
  std::filesystem::remove(cache_ + "/d/f");
  server_.reset();
  client_->CloseBacking(stage_, *id);
  EXPECT_EQ(FilesOfTheDisk(), files);
  StartServer();
  EXPECT_TRUE(Eventually([&] { return FilesOfTheDisk() == files - 1; }));
}

TEST_F(BackingsTest, ANewMountDoesNotLoseWhatTheOldOneClosed) {
  const auto old = Open("d/f");
  ASSERT_TRUE(old.ok());
  ASSERT_TRUE(client_->Unmount(stage_, true, Soon()).ok());
  server_.reset();
  client_->CloseBacking(stage_, *old);
  StartServer();
  MountAgain();
  const auto fresh = Open("d/f");
  ASSERT_TRUE(fresh.ok()) << fresh.error().message;
  EXPECT_EQ(*fresh, *old) << "each connection counts from 1";
  // Whatever was to be closed before this one has been.
  std::ofstream(cache_ + "/last") << "x";
  const auto last = Open("last");
  ASSERT_TRUE(last.ok());
  const std::uint64_t files = FilesOfTheDisk();
  std::filesystem::remove(cache_ + "/last");
  client_->CloseBacking(stage_, *last);
  ASSERT_TRUE(Eventually([&] { return FilesOfTheDisk() == files - 1; }));
  EXPECT_EQ(Close(stage_, *fresh), std::nullopt);
}

}  // namespace
}  // namespace datashim::keeper
