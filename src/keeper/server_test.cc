// Who holds which descriptors when node or keeper restart, and connections that
// end or misbehave.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "keeper/client.h"
#include "keeper/policy.h"
#include "keeper/testing/keeper_fixture.h"
#include "keeper/testing/tiny_fuse.h"
#include "sys/memfd.h"

namespace datashim::keeper {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(KeeperTest, AbortedConnectionIsNotAnsweredAgain) {
  const auto made = client_->MountFuse(Spec(), Soon());
  const std::string control = kubelet_ + "/control";
  ASSERT_TRUE(client_->MakeDirectory(control, Soon()).ok());
  ASSERT_EQ(::mount("none", control.c_str(), "fusectl", 0, nullptr), 0);
  std::ofstream(control + "/" + std::to_string(EntryAt(stage_)->device_minor) +
                "/abort")
      << "1";
  ASSERT_EQ(::umount2(control.c_str(), 0), 0);
  EXPECT_EQ(client_->MountFuse(Spec(), Soon()).error().code,
            ErrorCode::kAlreadyExists);
  ASSERT_TRUE(client_->Unmount(stage_, false, Soon()).ok());
  EXPECT_TRUE(client_->MountFuse(Spec(), Soon())->is_new);
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
  StartServer();
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
  StartServer();
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
  StartServer();
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
  EXPECT_THAT(RefusalOf(adopt, {null.get()}), HasSubstr("not /dev/fuse"));
  EXPECT_THAT(RefusalOf(adopt, {}), HasSubstr("number of descriptors"));
  Request put;
  put.operation = Operation::kPutState;
  put.target = stage_;
  EXPECT_THAT(RefusalOf(put, {}), HasSubstr("number of descriptors"));
  EXPECT_THAT(RefusalOf(Request(), {null.get()}),
              HasSubstr("number of descriptors"));
}

TEST_F(KeeperTest, CallsEndAtTheirDeadlineWithAKeeperThatHangs) {
  const std::string path = directory_.path() + "/hangs.sock";
  sys::UniqueFd listener = sys::ListenSeqpacket(path).value();
  std::jthread keeper([&] {
    pollfd entry = {listener.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&entry, 1, 10'000), 1);
    const sys::UniqueFd peer = sys::AcceptConnection(listener).value();
    std::array<std::byte, kRequestBytes> buffer;
    for (;;) {
      ASSERT_EQ(sys::ReceiveMessage(peer, buffer, Soon())->bytes,
                kRequestBytes);
      const Request request = ParseRequest(buffer).value();
      if (request.operation != Operation::kHello) break;
      Reply reply;
      reply.id = request.id;
      ASSERT_TRUE(sys::SendMessage(peer, EncodeReply(reply), {}, Soon()).ok());
    }
    // The client must not wait on this connection again.
    const auto end = sys::ReceiveMessage(peer, buffer, Soon());
    ASSERT_TRUE(end.ok()) << end.error().message;
    EXPECT_EQ(end->bytes, 0U);
    listener.Reset();
  });
  const auto client = Client::Connect(path, Soon()).value();
  EXPECT_EQ(
      CodeOf(client->MakeDirectory(
          kubelet_ + "/x", Deadline::After(std::chrono::milliseconds(50)))),
      ErrorCode::kDeadlineExceeded);
  keeper.join();
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
