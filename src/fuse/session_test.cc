// A real kernel mount of a file system in memory, in a mount namespace of its
// own.

#include "fuse/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <string>
#include <thread>

#include "fuse/testing/tree_file_system.h"
#include "sys/mount_api.h"
#include "sys/testing/private_mounts.h"

namespace datashim::fuse {
namespace {

using ::testing::ElementsAre;

Deadline Soon() { return Deadline::After(std::chrono::seconds(10)); }

/// The errno of a call that has to fail; 0 if it did not.
int Errno(std::int64_t result) { return result == -1 ? errno : 0; }

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::set<std::string> Names(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

class SessionTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!sys::testing::EnterPrivateMounts()) {
      GTEST_SKIP() << "mounting needs root";
    }
    Mount();
    options_.clone_device = GetParam();
    session_.emplace(std::move(device_), tree_, options_);
    const Status started = session_->Start(Soon());
    ASSERT_TRUE(started.ok()) << started.error().message;
  }

  void TearDown() override {
    if (mounted_) ::umount2(root_.c_str(), MNT_DETACH);
    tree_.ResumeAll();
    session_.reset();
  }

  void Mount() {
    device_ = sys::UniqueFd(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
    ASSERT_TRUE(device_);
    const auto mount =
        sys::CreateFuseMount(device_, {.source = "test", .subtype = "test"});
    ASSERT_TRUE(mount.ok()) << mount.error().message;
    const auto directory = sys::OpenDirectoryRoot(root_);
    ASSERT_TRUE(directory.ok());
    ASSERT_TRUE(sys::AttachMount(*mount, *directory).ok());
    mounted_ = true;
  }

  void Unmount() {
    ASSERT_EQ(::umount2(root_.c_str(), 0), 0) << std::strerror(errno);
    mounted_ = false;
  }

  std::string Path(const std::string& name) const { return root_ + "/" + name; }

  const sys::testing::TemporaryDirectory directory_;
  const std::string root_ = directory_.path();
  bool mounted_ = false;
  sys::UniqueFd device_;
  SessionOptions options_;
  TreeFileSystem tree_;
  std::optional<Session> session_;
};

INSTANTIATE_TEST_SUITE_P(Device, SessionTest, ::testing::Bool(),
                         [](const auto& test) {
                           return test.param ? "Cloned" : "Shared";
                         });

TEST_P(SessionTest, FilesAreListedStatedAndRead) {
  std::string content(3'000'000, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i * 7 % 251);
  }
  tree_.PutFile("weights", content);
  tree_.PutFile("empty", "");
  EXPECT_THAT(Names(root_), ElementsAre("empty", "weights"));
  struct stat status = {};
  ASSERT_EQ(::stat(Path("weights").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 3'000'000);
  EXPECT_EQ(status.st_mode, mode_t{S_IFREG | 0644});
  EXPECT_TRUE(ReadAll(Path("weights")) == content);
  EXPECT_EQ(ReadAll(Path("empty")), "");
  EXPECT_EQ(Errno(::open(Path("none").c_str(), O_RDONLY)), ENOENT);
}

TEST_P(SessionTest, RepliesOfManyPiecesArriveWhole) {
  std::string content(1 << 20, '\0');
  for (std::size_t i = 0; i < content.size(); ++i) {
    content[i] = static_cast<char>(i * 31 % 253);
  }
  tree_.PutFile("f", content);
  // Few, more than fit in place, and more than one writev takes.
  for (const std::size_t piece_bytes : {1u << 18, 1u << 14, 500u}) {
    tree_.set_piece_bytes(piece_bytes);
    tree_.set_open_result(false, true);
    EXPECT_TRUE(ReadAll(Path("f")) == content) << piece_bytes;
  }
}

TEST_P(SessionTest, MmapReadsPages) {
  tree_.PutFile("f", std::string(10'000, 'm'));
  const sys::UniqueFd fd(::open(Path("f").c_str(), O_RDONLY));
  ASSERT_TRUE(fd);
  void* const map = ::mmap(nullptr, 10'000, PROT_READ, MAP_SHARED, fd.get(), 0);
  ASSERT_NE(map, MAP_FAILED);
  EXPECT_EQ(std::string(static_cast<char*>(map), 10'000),
            std::string(10'000, 'm'));
  ::munmap(map, 10'000);
}

TEST_P(SessionTest, FilesAreWritten) {
  std::string content(2'500'000, 'w');
  content[2'000'000] = 'x';
  std::ofstream(Path("new"), std::ios::binary) << content;
  EXPECT_TRUE(tree_.Content("new") == content);
  std::ofstream(Path("new"), std::ios::app) << "tail";
  EXPECT_EQ(tree_.Content("new")->size(), content.size() + 4);
  ASSERT_EQ(::truncate(Path("new").c_str(), 3), 0);
  EXPECT_EQ(tree_.Content("new"), "www");
  std::ofstream(Path("new"), std::ios::trunc) << "short";
  EXPECT_EQ(tree_.Content("new"), "short");

  ASSERT_EQ(::chmod(Path("new").c_str(), 0600), 0);
  ASSERT_EQ(::chown(Path("new").c_str(), 12, 13), 0);
  const timespec times[] = {{0, UTIME_OMIT}, {1'000'000, 5}};
  ASSERT_EQ(::utimensat(AT_FDCWD, Path("new").c_str(), times, 0), 0);
  struct stat status = {};
  ASSERT_EQ(::stat(Path("new").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, mode_t{S_IFREG | 0600});
  EXPECT_EQ(status.st_uid, 12u);
  EXPECT_EQ(status.st_gid, 13u);
  EXPECT_EQ(status.st_mtim.tv_sec, 1'000'000);
  EXPECT_EQ(status.st_mtim.tv_nsec, 5);
}

TEST_P(SessionTest, NamesAreMadeMovedAndRemoved) {
  ASSERT_EQ(::mkdir(Path("d").c_str(), 0750), 0);
  ASSERT_EQ(::mknod(Path("d/f").c_str(), S_IFREG | 0640, 0), 0);
  struct stat status = {};
  ASSERT_EQ(::stat(Path("d/f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, mode_t{S_IFREG | 0640});
  ASSERT_EQ(::rename(Path("d/f").c_str(), Path("g").c_str()), 0);
  EXPECT_THAT(Names(root_), ElementsAre("d", "g"));
  tree_.PutFile("h", "");
  EXPECT_EQ(Errno(::renameat2(AT_FDCWD, Path("g").c_str(), AT_FDCWD,
                              Path("h").c_str(), RENAME_NOREPLACE)),
            EEXIST);
  EXPECT_EQ(Errno(::renameat2(AT_FDCWD, Path("g").c_str(), AT_FDCWD,
                              Path("h").c_str(), RENAME_EXCHANGE)),
            EINVAL);
  ASSERT_EQ(::rename(Path("g").c_str(), Path("h").c_str()), 0);
  ASSERT_EQ(::rmdir(Path("d").c_str()), 0);
  ASSERT_EQ(::unlink(Path("h").c_str()), 0);
  EXPECT_TRUE(Names(root_).empty());
}

TEST_P(SessionTest, WhatAnObjectStoreHasNotIsRefused) {
  tree_.PutFile("f", "0123456789");
  const std::string f = Path("f");
  EXPECT_EQ(Errno(::symlink("f", Path("s").c_str())), EPERM);
  EXPECT_EQ(Errno(::link(f.c_str(), Path("l").c_str())), EPERM);
  EXPECT_EQ(Errno(::mkfifo(Path("p").c_str(), 0600)), EPERM);
  EXPECT_EQ(Errno(::setxattr(f.c_str(), "user.a", "b", 1, 0)), EOPNOTSUPP);
  EXPECT_EQ(Errno(::getxattr(f.c_str(), "user.a", nullptr, 0)), EOPNOTSUPP);
  const sys::UniqueFd fd(::open(f.c_str(), O_RDWR));
  ASSERT_TRUE(fd);
  EXPECT_EQ(Errno(::fallocate(fd.get(), 0, 0, 100)), EOPNOTSUPP);
  int flags = 0;
  EXPECT_EQ(Errno(::ioctl(fd.get(), FS_IOC_GETVERSION, &flags)), ENOTTY);
  // The kernel does these two without us.
  EXPECT_EQ(::lseek(fd.get(), 3, SEEK_DATA), 3);
  EXPECT_EQ(::lseek(fd.get(), 3, SEEK_HOLE), 10);
  EXPECT_EQ(::access(f.c_str(), R_OK | W_OK), 0);
}

TEST_P(SessionTest, FailuresAreErrnos) {
  tree_.PutFile("f", "content");
  tree_.set_open_result(false, true);  // Readahead would take the failure.
  const auto fail = [&](fs::FsError error) { tree_.FailNext(error); };
  struct stat status = {};
  fail(fs::FsError::kPermission);
  EXPECT_EQ(Errno(::stat(Path("f").c_str(), &status)), EACCES);
  fail(fs::FsError::kReadOnly);
  EXPECT_EQ(Errno(::mkdir(Path("d").c_str(), 0700)), EROFS);
  const sys::UniqueFd fd(::open(Path("f").c_str(), O_RDWR));
  ASSERT_TRUE(fd);
  fail(fs::FsError::kStale);
  char byte = 0;
  EXPECT_EQ(Errno(::pread(fd.get(), &byte, 1, 0)), ESTALE);
  fail(fs::FsError::kNoSpace);
  EXPECT_EQ(Errno(::fsync(fd.get())), ENOSPC);
  fail(fs::FsError::kTimedOut);
  const int copy = ::dup(fd.get());
  EXPECT_EQ(Errno(::close(copy)), ETIMEDOUT);
}

TEST_P(SessionTest, StatvfsShowsTheSizes) {
  struct statvfs status = {};
  ASSERT_EQ(::statvfs(root_.c_str(), &status), 0);
  EXPECT_EQ(status.f_blocks * status.f_frsize, std::uint64_t{1} << 40);
  EXPECT_EQ(status.f_bavail * status.f_frsize, std::uint64_t{1} << 39);
  EXPECT_EQ(status.f_namemax, 255u);
}

TEST_P(SessionTest, ForgetsAreExact) {
  // Entries that stay valid, so that one lookup serves many uses.
  tree_.set_valid_for(std::chrono::hours(1));
  for (int i = 0; i < 3000; ++i) {
    tree_.PutFile("file-" + std::to_string(i), "x");
  }
  for (int round = 0; round < 2; ++round) {  // READDIRPLUS and READDIR.
    EXPECT_EQ(Names(root_).size(), 3000u);
    for (const std::string& name : Names(root_)) {
      struct stat status = {};
      ASSERT_EQ(::stat(Path(name).c_str(), &status), 0);
    }
  }
  std::ofstream(Path("file-1"), std::ios::app) << "y";
  std::ofstream(Path("made")) << "y";
  ASSERT_EQ(::mkdir(Path("d").c_str(), 0700), 0);
  ASSERT_EQ(::rmdir(Path("d").c_str()), 0);
  for (const std::string& name : Names(root_)) {
    ASSERT_EQ(::unlink(Path(name).c_str()), 0);
  }
  EXPECT_EQ(tree_.AwaitForgotten(), "");
}

TEST_P(SessionTest, KernelForgetsWhatItIsTold) {
  tree_.set_valid_for(std::chrono::hours(1));
  tree_.set_open_result(true, false);
  tree_.PutFile("f", "old");
  EXPECT_EQ(ReadAll(Path("f")), "old");
  tree_.PutFile("f", "new");
  EXPECT_EQ(ReadAll(Path("f")), "old");
  struct stat status = {};
  ASSERT_EQ(::stat(Path("f").c_str(), &status), 0);
  session_->InvalidateInode(status.st_ino);
  const Deadline deadline = Soon();
  while (ReadAll(Path("f")) != "new") ASSERT_FALSE(deadline.HasPassed());

  tree_.RemoveFile("f");
  ASSERT_EQ(::stat(Path("f").c_str(), &status), 0);
  session_->InvalidateEntry(fs::kRootInode, "f");
  while (::stat(Path("f").c_str(), &status) == 0) {
    ASSERT_FALSE(deadline.HasPassed());
  }
  EXPECT_EQ(tree_.AwaitForgotten(), "");
}

TEST_P(SessionTest, InterruptedReadEndsAtOnceAndIsAnsweredOnce) {
  tree_.PutFile("f", "content");
  tree_.set_open_result(false, true);
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGUSR1, &action, nullptr), 0);
  const sys::UniqueFd fd(::open(Path("f").c_str(), O_RDONLY));
  ASSERT_TRUE(fd);
  tree_.Hold();
  std::promise<int> result;
  std::thread reader([&] {
    char byte = 0;
    result.set_value(Errno(::pread(fd.get(), &byte, 1, 0)));
  });
  ASSERT_TRUE(tree_.AwaitHeld(1));
  ::pthread_kill(reader.native_handle(), SIGUSR1);
  EXPECT_EQ(result.get_future().get(), EINTR);
  reader.join();
  tree_.ResumeAll();  // Completes the READ that nobody waits for.
  char byte = 0;
  EXPECT_EQ(::pread(fd.get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'c');
}

std::size_t ThreadsNamed(const std::string& prefix) {
  std::size_t count = 0;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    if (ReadAll(task.path() / "comm").starts_with(prefix)) ++count;
  }
  return count;
}

TEST_P(SessionTest, BlockedCallsDoNotBlockOthersAndThreadsRetire) {
  tree_.PutFile("f", "content");
  tree_.Hold();
  std::vector<std::thread> callers;
  for (int i = 0; i < 12; ++i) {
    callers.emplace_back([&, i] {
      struct stat status = {};
      ::stat(Path("slow-" + std::to_string(i)).c_str(), &status);
    });
  }
  EXPECT_TRUE(tree_.AwaitHeld(12));
  struct stat status = {};
  EXPECT_EQ(::stat(Path("f").c_str(), &status), 0);
  EXPECT_GE(ThreadsNamed("fuse/"), 13u);
  tree_.ResumeAll();
  for (std::thread& caller : callers) caller.join();
  const Deadline deadline = Soon();
  // With the notifier's.
  while (ThreadsNamed("fuse/") > options_.threads_idle_max + 1) {
    ASSERT_FALSE(deadline.HasPassed());
  }
  EXPECT_EQ(::stat(Path("f").c_str(), &status), 0);
}

TEST_P(SessionTest, UnmountEndsTheSession) {
  EXPECT_TRUE(session_->serving());
  EXPECT_FALSE(session_->WaitForEnd(Deadline::After(Duration::zero())));
  Unmount();
  EXPECT_TRUE(session_->WaitForEnd(Soon()));
  EXPECT_FALSE(session_->serving());
  session_->Stop();
  session_->Stop();
  session_->InvalidateInode(5);
}

TEST_P(SessionTest, StopEndsAMountThatIsStillThere) {
  tree_.PutFile("f", "content");
  EXPECT_EQ(ReadAll(Path("f")), "content");
  session_->Stop();
  EXPECT_FALSE(session_->serving());
  struct stat status = {};
  EXPECT_EQ(Errno(::stat(Path("f").c_str(), &status)), ENOTCONN);
}

TEST_P(SessionTest, StopDropsReadsThatWait) {
  tree_.PutFile("f", "content");
  tree_.set_open_result(false, true);
  const sys::UniqueFd fd(::open(Path("f").c_str(), O_RDONLY));
  ASSERT_TRUE(fd);
  tree_.Hold();
  std::promise<int> result;
  std::thread reader([&] {
    char byte = 0;
    result.set_value(Errno(::pread(fd.get(), &byte, 1, 0)));
  });
  EXPECT_TRUE(tree_.AwaitHeld(1));
  session_->Stop();
  EXPECT_EQ(result.get_future().get(), ECONNABORTED);
  reader.join();
  tree_.ResumeAll();
}

TEST_P(SessionTest, StopTokenEndsTheWait) {
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(session_->WaitForEnd(Deadline::Never(), stop.get_token()));
  stopper.join();
}

TEST(SessionStartTest, WithoutAMountThereIsNothingToServe) {
  sys::UniqueFd device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!device) GTEST_SKIP() << "no /dev/fuse";
  TreeFileSystem tree;
  Session session(std::move(device), tree);
  const Status started = session.Start(Soon());
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(session.serving());
}

TEST_P(SessionTest, StartWaitsForInitUntilItsDeadline) {
  Unmount();
  session_->Stop();
  Mount();
  auto copy = device_.Duplicate();
  ASSERT_TRUE(copy.ok());
  Session first(std::move(device_), tree_);
  ASSERT_TRUE(first.Start(Soon()).ok());
  first.Stop();
  Session second(*std::move(copy), tree_);
  const Status started =
      second.Start(Deadline::After(std::chrono::milliseconds(50)));
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().code, ErrorCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace datashim::fuse
