// The keeper's server and client with the real kernel: /dev/fuse and mounts in
// a mount namespace of the test's own.

#include "keeper/keeper.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "keeper/client.h"
#include "keeper/policy.h"
#include "keeper/server.h"
#include "keeper/testing/tiny_fuse.h"
#include "sys/memfd.h"
#include "sys/mount_table.h"
#include "sys/testing/private_mounts.h"
#include "sys/unix_socket.h"

namespace datashim::keeper {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Deadline Soon() { return Deadline::After(std::chrono::seconds(10)); }

ErrorCode CodeOf(const Status& status) {
  return status.ok() ? ErrorCode{0} : status.error().code;
}

// The server in a thread, with the privileges of the test.
class ServerThread {
 public:
  ServerThread(const std::string& socket, const std::string& kubelet_dir) {
    server_ =
        Server::Listen(
            socket, Mounts(KubeletTree::Open(kubelet_dir).value(), "/dev/fuse"))
            .value();
    thread_ = std::jthread([this](std::stop_token stop) {
      EXPECT_TRUE(server_->Run(std::move(stop)).ok());
    });
  }

 private:
  std::unique_ptr<Server> server_;
  std::jthread thread_;
};

class KeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sys::testing::EnterPrivateMounts()) {
      GTEST_SKIP() << "mounting needs root";
    }
    for (const char* const name : {"stage", "publish", "other"}) {
      std::filesystem::create_directories(kubelet_ + "/" + name);
    }
    server_.emplace(socket_, kubelet_);
    client_ = Client::Connect(socket_, Soon()).value();
  }
  void TearDown() override {
    if (client_ == nullptr) return;
    for (const std::string& path : {publish_, stage_, other_}) {
      EXPECT_TRUE(client_->Unmount(path, /*detach=*/true, Soon()).ok());
    }
  }

  MountSpec Spec(bool read_only = false) const {
    return {"pvc-1", "0123456789abcdef", stage_, read_only};
  }

  // The mount at the path; nullopt if there is none.
  static std::optional<sys::MountEntry> EntryAt(const std::string& path) {
    std::optional<sys::MountEntry> found;
    const auto table = sys::ReadMountTable().value();
    for (const sys::MountEntry& entry : table) {
      if (entry.mount_point == path) found = entry;
    }
    return found;
  }

  const sys::testing::TemporaryDirectory directory_;
  const std::string socket_ = directory_.path() + "/keeper.sock";
  const std::string kubelet_ = directory_.path() + "/kubelet";
  const std::string stage_ = kubelet_ + "/stage";
  const std::string publish_ = kubelet_ + "/publish";
  const std::string other_ = kubelet_ + "/other";
  std::optional<ServerThread> server_;
  std::unique_ptr<Client> client_;
};

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

TEST_F(KeeperTest, NodeThatComesAfterAnotherGetsItsMounts) {
  const sys::UniqueFd state = sys::CreateMemfd("state").value();
  ASSERT_EQ(::write(state.get(), "inodes", 6), 6);
  {
    const testing::TinyFuse fuse(client_->MountFuse(Spec(), Soon()).value().fd);
    struct statfs ignored = {};
    ::statfs(stage_.c_str(), &ignored);
    MountSpec second = Spec(/*read_only=*/true);
    second.target = other_;
    second.volume_id = "pvc-2";
    ASSERT_TRUE(client_->MountFuse(second, Soon()).ok());
    ASSERT_TRUE(client_->PutState(stage_, state, Soon()).ok());
    EXPECT_EQ(CodeOf(client_->PutState(publish_, state, Soon())),
              ErrorCode::kNotFound);
  }
  client_ = Client::Connect(socket_, Soon()).value();  // The first is dead.

  auto kept = client_->KeptMounts(Soon()).value();
  ASSERT_THAT(kept, SizeIs(2));
  EXPECT_EQ(kept[0].spec.volume_id, "pvc-2");  // "other" before "stage".
  EXPECT_TRUE(kept[0].spec.read_only);
  EXPECT_FALSE(kept[0].state_fd);
  EXPECT_EQ(kept[1].spec, Spec());
  char content[6] = {};
  ASSERT_EQ(::pread(kept[1].state_fd.get(), content, 6, 0), 6);
  EXPECT_EQ(std::string_view(content, 6), "inodes");

  const testing::TinyFuse fuse(std::move(kept[1].fuse_fd));
  struct stat found = {};
  EXPECT_EQ(::stat((stage_ + "/none").c_str(), &found), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(fuse.saw_init()) << "INIT was answered by the first process";
}

TEST_F(KeeperTest, KeeperThatRestartsGetsItsCopiesBack) {
  const sys::UniqueFd state = sys::CreateMemfd("state").value();
  const auto made = client_->MountFuse(Spec(), Soon());
  ASSERT_TRUE(client_->PutState(stage_, state, Soon()).ok());
  MountSpec gone = Spec();
  gone.target = other_;
  ASSERT_TRUE(client_->MountFuse(gone, Soon()).ok());

  server_.reset();
  ASSERT_EQ(::umount2(other_.c_str(), MNT_DETACH), 0);
  server_.emplace(socket_, kubelet_);
  // Another client asks, so that it is the first client's own doing.
  const auto other_client = Client::Connect(socket_, Soon()).value();
  std::vector<KeptMount> kept;
  const Deadline deadline = Soon();
  while (kept.empty() && !deadline.HasPassed()) {
    kept = other_client->KeptMounts(Soon()).value();
  }
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_EQ(kept[0].spec, Spec());
  EXPECT_TRUE(kept[0].state_fd);
  EXPECT_FALSE(client_->MountFuse(Spec(), Soon())->is_new);
}

TEST_F(KeeperTest, MountThatBothLostIsMountedAnewAfterUnmount) {
  ASSERT_TRUE(client_->MountFuse(Spec(), Soon()).ok());
  client_.reset();
  server_.reset();
  server_.emplace(socket_, kubelet_);
  client_ = Client::Connect(socket_, Soon()).value();
  EXPECT_EQ(client_->MountFuse(Spec(), Soon()).error().code,
            ErrorCode::kAlreadyExists);
  ASSERT_TRUE(client_->Unmount(stage_, false, Soon()).ok());
  EXPECT_TRUE(client_->MountFuse(Spec(), Soon())->is_new);
}

TEST_F(KeeperTest, MountThatSomebodyElseUnmountedIsMountedAnew) {
  ASSERT_TRUE(client_->MountFuse(Spec(), Soon()).ok());
  ASSERT_EQ(::umount2(stage_.c_str(), MNT_DETACH), 0);
  const auto made = client_->MountFuse(Spec(), Soon());
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_TRUE(made->is_new);
}

TEST_F(KeeperTest, KeepsNoMoreMountsThanTheLimitAndForgetsTheEnded) {
  Mounts mounts(KubeletTree::Open(kubelet_).value(), "/dev/fuse");
  const auto spec = [&](std::size_t i) {
    MountSpec made = Spec();
    made.target = kubelet_ + "/many/" + std::to_string(i);
    return made;
  };
  for (std::size_t i = 0; i <= kKeptMountsMax; ++i) {
    ASSERT_TRUE(mounts.MakeDirectory(spec(i).target).ok());
    const auto made = mounts.MountFuse(spec(i));
    ASSERT_EQ(made.ok(), i < kKeptMountsMax) << i;
    if (made.ok()) continue;
    EXPECT_EQ(made.error().code, ErrorCode::kResourceExhausted);
  }
  ASSERT_EQ(::umount2(spec(7).target.c_str(), 0), 0);
  EXPECT_TRUE(mounts.MountFuse(spec(kKeptMountsMax)).ok());
  for (std::size_t i = 0; i <= kKeptMountsMax; ++i) {
    EXPECT_TRUE(mounts.Unmount(spec(i).target, false).ok());
  }
  EXPECT_EQ(mounts.Next(""), nullptr);
}

TEST_F(KeeperTest, CallsEndAtTheirDeadlineWithoutAKeeper) {
  server_.reset();
  const Status made = client_->MakeDirectory(
      kubelet_ + "/x", Deadline::After(std::chrono::milliseconds(120)));
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(made.error().message, HasSubstr(socket_));
  server_.emplace(socket_, kubelet_);
  EXPECT_TRUE(client_->MakeDirectory(kubelet_ + "/x", Soon()).ok());
}

TEST_F(KeeperTest, MalformedMessagesEndTheirConnectionOnly) {
  const sys::UniqueFd raw = sys::ConnectSeqpacket(socket_).value();
  const std::array<std::byte, 16> noise = {std::byte{1}};
  ASSERT_TRUE(sys::SendMessage(raw, noise, {}, Soon()).ok());
  std::array<std::byte, kReplyBytes> buffer;
  const auto refused = sys::ReceiveMessage(raw, buffer, Soon());
  ASSERT_TRUE(refused.ok()) << refused.error().message;
  EXPECT_EQ(ParseReply(buffer)->error->code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(sys::ReceiveMessage(raw, buffer, Soon())->bytes, 0U);
  EXPECT_TRUE(client_->MakeDirectory(kubelet_ + "/x", Soon()).ok());
}

TEST_F(KeeperTest, DescriptorsOfTheWrongKindAreRefused) {
  const sys::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ASSERT_TRUE(client_->MountFuse(Spec(), Soon()).ok());
  EXPECT_EQ(CodeOf(client_->PutState(stage_, null, Soon())),
            ErrorCode::kInvalidArgument);

  Request adopt;
  adopt.operation = Operation::kAdoptMount;
  adopt.volume_id = "pvc-1";
  adopt.location_id = "l";
  adopt.target = stage_;
  const sys::UniqueFd raw = sys::ConnectSeqpacket(socket_).value();
  for (const std::vector<int>& fds :
       {std::vector<int>{}, std::vector<int>{null.get()}}) {
    ASSERT_TRUE(
        sys::SendMessage(raw, EncodeRequest(adopt).value(), fds, Soon()).ok());
    std::array<std::byte, kReplyBytes> buffer;
    ASSERT_TRUE(sys::ReceiveMessage(raw, buffer, Soon()).ok());
    EXPECT_EQ(ParseReply(buffer)->error->code, ErrorCode::kInvalidArgument);
  }
}

TEST_F(KeeperTest, PeersOfOtherUsersAreRefused) {
  ASSERT_EQ(::chmod(socket_.c_str(), 0777), 0);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  Status refused = OkStatus();
  std::thread([&] {
    // Of this thread only; glibc's seteuid would change all of them.
    ASSERT_EQ(::syscall(SYS_setresuid, -1, 65534, -1), 0);
    const auto raw = sys::ConnectSeqpacket(socket_);
    ASSERT_TRUE(raw.ok()) << raw.error().message;
    std::array<std::byte, kReplyBytes> buffer;
    const auto got = sys::ReceiveMessage(*raw, buffer, Soon());
    if (!got.ok()) refused = got.error();
    EXPECT_TRUE(!got.ok() || got->bytes == 0) << "must be closed at once";
  }).join();
  EXPECT_TRUE(refused.ok() || CodeOf(refused) == ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace datashim::keeper
