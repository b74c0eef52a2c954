// RunKeeper as a process of its own, with the privileges that it really keeps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "keeper/client.h"
#include "keeper/keeper.h"
#include "keeper/testing/tiny_fuse.h"
#include "sys/small_file.h"
#include "sys/testing/private_mounts.h"

namespace datashim::keeper {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kDirectoryVariable[] = "DATASHIM_TEST_KEEPER_DIRECTORY";

Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

// Not a test: what the process that the tests below start does.
TEST(KeeperProcess, DISABLED_Serves) {
  const char* const directory = ::getenv(kDirectoryVariable);
  ASSERT_NE(directory, nullptr);
  const KeeperOptions options = {std::string(directory) + "/keeper.sock",
                                 std::string(directory) + "/kubelet",
                                 "/dev/fuse",
                                 std::string(directory) + "/cache"};
  ::_exit(RunKeeper(options));
}

class KeeperProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sys::testing::EnterPrivateMounts()) {
      GTEST_SKIP() << "mounting needs root";
    }
    std::filesystem::create_directories(stage_);
    std::filesystem::create_directories(publish_);
    std::filesystem::create_directories(directory_.path() + "/cache");
    StartKeeper();
    client_ =
        Client::Connect(directory_.path() + "/keeper.sock", Soon()).value();
  }
  void TearDown() override {
    if (client_ == nullptr) return;
    EXPECT_TRUE(client_->Unmount(publish_, true, Soon()).ok());
    EXPECT_TRUE(client_->Unmount(stage_, true, Soon()).ok());
    EXPECT_EQ(StopKeeper(SIGTERM), 0);
  }

  void StartKeeper() {
    ::setenv(kDirectoryVariable, directory_.path().c_str(), 1);
    std::string program = "/proc/self/exe";
    std::string filter = "--gtest_filter=KeeperProcess.DISABLED_Serves";
    std::string also = "--gtest_also_run_disabled_tests";
    char* const arguments[] = {program.data(), filter.data(), also.data(),
                               nullptr};
    ASSERT_EQ(::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, arguments,
                            environ),
              0);
  }
  int StopKeeper(int signal) {
    ::kill(pid_, signal);
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    return status;
  }

  const sys::testing::TemporaryDirectory directory_;
  const std::string stage_ = directory_.path() + "/kubelet/stage";
  const std::string publish_ = directory_.path() + "/kubelet/publish";
  pid_t pid_ = -1;
  std::unique_ptr<Client> client_;
};

TEST_F(KeeperProcessTest, WorksWithTheLeastPrivileges) {
  const MountSpec spec = {"pvc-1", "l", stage_, false};
  auto made = client_->MountFuse(spec, Soon());
  ASSERT_TRUE(made.ok()) << made.error().message;
  const testing::TinyFuse fuse(std::move(made->fd));
  struct stat found = {};
  ASSERT_EQ(::stat(stage_.c_str(), &found), 0);
  Status done = client_->SetReadahead(stage_, 1024, Soon());
  EXPECT_TRUE(done.ok()) << done.error().message;
  done = client_->MakeDirectory(publish_ + "/a/b", Soon());
  EXPECT_TRUE(done.ok()) << done.error().message;
  done = client_->RemoveDirectory(publish_ + "/a/b", Soon());
  EXPECT_TRUE(done.ok()) << done.error().message;
  done = client_->Bind(stage_, publish_, true, Soon());
  EXPECT_TRUE(done.ok()) << done.error().message;
  EXPECT_EQ(::stat(publish_.c_str(), &found), 0);
  if (fuse.saw_passthrough()) {
    const std::string file = directory_.path() + "/cache/f";
    std::ofstream(file) << "x";
    ASSERT_EQ(::chmod(file.c_str(), 0400), 0);
    ASSERT_EQ(::stat(file.c_str(), &found), 0);
    const auto id = client_->OpenBacking(stage_, "f", found.st_ino, Soon());
    ASSERT_TRUE(id.ok()) << id.error().message;
    client_->CloseBacking(stage_, *id);
  }

  const std::string status =
      sys::ReadFile("/proc/" + std::to_string(pid_) + "/status", 65536).value();
  for (const char* const set : {"CapPrm", "CapEff", "CapBnd"}) {
    EXPECT_THAT(status, HasSubstr(std::string(set) + ":\t0000000000200000\n"));
  }
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1\n"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2\n"));
}

TEST_F(KeeperProcessTest, MountsOutliveIt) {
  const MountSpec spec = {"pvc-1", "l", stage_, false};
  const testing::TinyFuse fuse(client_->MountFuse(spec, Soon()).value().fd);
  ASSERT_EQ(StopKeeper(SIGTERM), 0);
  struct stat found = {};
  EXPECT_EQ(::stat((stage_ + "/none").c_str(), &found), -1);
  EXPECT_EQ(errno, ENOENT) << "the server still answers";
  StartKeeper();
  EXPECT_FALSE(client_->MountFuse(spec, Soon())->is_new);
  EXPECT_TRUE(WIFSIGNALED(StopKeeper(SIGKILL)));
  StartKeeper();
  EXPECT_THAT(client_->KeptMounts(Soon()).value(), SizeIs(1));
}

TEST(RunKeeperTest, SaysThatItCannotServe) {
  EXPECT_EXIT(::_exit(RunKeeper({"/nowhere/keeper.sock", "/nowhere", "x", ""})),
              ::testing::ExitedWithCode(1), "/nowhere");
}

}  // namespace
}  // namespace datashim::keeper
