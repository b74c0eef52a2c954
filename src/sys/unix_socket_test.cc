#include "sys/unix_socket.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "sys/memfd.h"
#include "sys/testing/private_mounts.h"

namespace datashim::sys {
namespace {

using ::testing::HasSubstr;

const std::array<std::byte, 3> kMessage = {std::byte{1}, std::byte{2},
                                           std::byte{3}};

Deadline Soon() { return Deadline::After(std::chrono::seconds(10)); }
Deadline Now() { return Deadline::After(Duration::zero()); }

class UnixSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listener = ListenSeqpacket(path_);
    ASSERT_TRUE(listener.ok()) << listener.error().message;
    listener_ = *std::move(listener);
    client_ = ConnectSeqpacket(path_).value();
    server_ = AcceptConnection(listener_).value();
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/s";
  UniqueFd listener_, client_, server_;
  std::array<std::byte, 3> buffer_ = {};
};

TEST_F(UnixSocketTest, CarriesBytesAndDescriptors) {
  const UniqueFd memfd = CreateMemfd("test").value();
  ASSERT_EQ(::write(memfd.get(), "x", 1), 1);
  const int fds[] = {memfd.get(), memfd.get()};
  ASSERT_TRUE(SendMessage(client_, kMessage, fds, Soon()).ok());

  const auto message = ReceiveMessage(server_, buffer_, Soon());
  ASSERT_TRUE(message.ok()) << message.error().message;
  EXPECT_EQ(message->bytes, 3U);
  EXPECT_EQ(buffer_, kMessage);
  ASSERT_EQ(message->fds.size(), 2U);
  for (const UniqueFd& fd : message->fds) {
    EXPECT_NE(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
    char content = 0;
    EXPECT_EQ(::pread(fd.get(), &content, 1, 0), 1);
    EXPECT_EQ(content, 'x');
  }
}

TEST_F(UnixSocketTest, RefusesAMessageThatIsLongerThanTheBuffer) {
  const UniqueFd memfd = CreateMemfd("test").value();
  const int fds[] = {memfd.get()};
  ASSERT_TRUE(SendMessage(client_, kMessage, fds, Soon()).ok());
  const auto message =
      ReceiveMessage(server_, std::span(buffer_).first(2), Soon());
  ASSERT_FALSE(message.ok());
  EXPECT_EQ(message.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(UnixSocketTest, RefusesMoreDescriptorsThanTheLimit) {
  std::array<int, kMessageFdsMax + 1> fds;
  fds.fill(server_.get());
  iovec part = {buffer_.data(), buffer_.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  cmsghdr* const rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(fds));
  std::copy(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(rights)));
  ASSERT_EQ(::sendmsg(client_.get(), &header, 0), 3);

  const int next_free = ::dup(0);
  ::close(next_free);
  const auto message = ReceiveMessage(server_, buffer_, Soon());
  ASSERT_FALSE(message.ok());
  EXPECT_EQ(message.error().code, ErrorCode::kInvalidArgument);
  const int still_free = ::dup(0);
  ::close(still_free);
  EXPECT_EQ(still_free, next_free) << "the received descriptors leak";
}

TEST_F(UnixSocketTest, SeesThatThePeerHasClosed) {
  client_.Reset();
  const auto message = ReceiveMessage(server_, buffer_, Soon());
  ASSERT_TRUE(message.ok());
  EXPECT_EQ(message->bytes, 0U);
  const Status sent = SendMessage(server_, kMessage, {}, Soon());
  ASSERT_FALSE(sent.ok());
  EXPECT_EQ(sent.error().code, ErrorCode::kUnavailable);
}

TEST_F(UnixSocketTest, WaitsNoLongerThanTheDeadline) {
  const auto message = ReceiveMessage(server_, buffer_, Now());
  ASSERT_FALSE(message.ok());
  EXPECT_EQ(message.error().code, ErrorCode::kDeadlineExceeded);

  Status sent = OkStatus();
  while (sent.ok()) sent = SendMessage(server_, kMessage, {}, Now());
  EXPECT_EQ(sent.error().code, ErrorCode::kDeadlineExceeded);
}

TEST_F(UnixSocketTest, KnowsThePeersUser) {
  EXPECT_EQ(PeerUid(server_).value(), ::geteuid());
}

TEST_F(UnixSocketTest, IsForItsOwnerOnly) {
  struct stat found = {};
  ASSERT_EQ(::stat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
}

TEST_F(UnixSocketTest, ReplacesAStaleSocket) {
  listener_.Reset();
  EXPECT_EQ(ConnectSeqpacket(path_).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(ListenSeqpacket(path_).ok());
}

TEST_F(UnixSocketTest, RefusesPathsItCannotServe) {
  const std::string file = directory_.path() + "/file";
  std::ofstream(file) << "mine";
  EXPECT_EQ(ListenSeqpacket(file).error().code, ErrorCode::kAlreadyExists);
  const auto too_long = ListenSeqpacket("/" + std::string(107, 'x'));
  EXPECT_EQ(too_long.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(too_long.error().message, HasSubstr("107"));
  EXPECT_EQ(ConnectSeqpacket(directory_.path() + "/none").error().code,
            ErrorCode::kUnavailable);
}

TEST(UniqueFdTest, ClosesWhatItOwnsOnce) {
  UniqueFd fd = CreateMemfd("test").value();
  const int number = fd.get();
  UniqueFd copy = fd.Duplicate().value();
  EXPECT_NE(copy.get(), number);
  UniqueFd moved = std::move(fd);
  EXPECT_FALSE(fd);
  moved.Reset();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  EXPECT_NE(::fcntl(copy.get(), F_GETFD), -1);
}

TEST(MemfdTest, IsToldFromOtherFiles) {
  EXPECT_TRUE(IsMemfd(CreateMemfd("test").value()));
  EXPECT_FALSE(IsMemfd(UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC))));
  EXPECT_FALSE(IsMemfd(UniqueFd()));
}

}  // namespace
}  // namespace datashim::sys
