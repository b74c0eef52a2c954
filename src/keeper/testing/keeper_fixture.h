// The keeper's server and a client of it, with the real kernel: /dev/fuse and
// mounts in a mount namespace of the test's own.

#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "keeper/client.h"
#include "keeper/server.h"
#include "sys/mount_table.h"
#include "sys/testing/private_mounts.h"
#include "sys/unix_socket.h"

namespace datashim::keeper {

inline Deadline Soon() { return Deadline::After(std::chrono::seconds(10)); }

inline ErrorCode CodeOf(const Status& status) {
  return status.ok() ? ErrorCode{0} : status.error().code;
}

/// The server in a thread, with the privileges of the test.
class ServerThread {
 public:
  /// `cache_dir` may be empty: there is none.
  ServerThread(const std::string& socket, const std::string& kubelet_dir,
               const std::string& cache_dir) {
    std::optional<CacheTree> cache;
    if (!cache_dir.empty()) cache = CacheTree::Open(cache_dir).value();
    server_ =
        Server::Listen(socket, Mounts(KubeletTree::Open(kubelet_dir).value(),
                                      "/dev/fuse", std::move(cache)))
            .value();
    thread_ = std::jthread([this](std::stop_token stop) {
      EXPECT_TRUE(server_->Run(std::move(stop)).ok());
    });
  }

 private:
  std::unique_ptr<Server> server_;
  std::jthread thread_;
};

/// A keeper, a client of it, a kubelet directory with three directories, and a
/// cache directory without any.
class KeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sys::testing::EnterPrivateMounts()) {
      GTEST_SKIP() << "mounting needs root";
    }
    for (const char* const name : {"stage", "publish", "other"}) {
      std::filesystem::create_directories(kubelet_ + "/" + name);
    }
    std::filesystem::create_directory(cache_);
    StartServer();
    client_ = Client::Connect(socket_, Soon()).value();
  }
  void StartServer() { server_.emplace(socket_, kubelet_, cache_); }
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

  // The keeper's reply when it is sent this.
  Reply ReplyTo(const Request& request, const std::vector<int>& fds = {}) {
    const sys::UniqueFd raw = sys::ConnectSeqpacket(socket_).value();
    std::array<std::byte, kReplyBytes> buffer;
    EXPECT_TRUE(
        sys::SendMessage(raw, EncodeRequest(request).value(), fds, Soon())
            .ok());
    EXPECT_TRUE(sys::ReceiveMessage(raw, buffer, Soon()).ok());
    return ParseReply(buffer).value();
  }
  // The keeper's error; "" if it did it.
  std::string RefusalOf(const Request& request, const std::vector<int>& fds) {
    const Reply reply = ReplyTo(request, fds);
    return reply.error ? reply.error->message : "";
  }

  // Of this process, which is client and keeper.
  static int OpenFuseDescriptors() {
    int count = 0;
    for (const auto& fd :
         std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code closed;
      if (std::filesystem::read_symlink(fd, closed) == "/dev/fuse") ++count;
    }
    return count;
  }

  const sys::testing::TemporaryDirectory directory_;
  const std::string socket_ = directory_.path() + "/keeper.sock";
  const std::string kubelet_ = directory_.path() + "/kubelet";
  const std::string cache_ = directory_.path() + "/cache";
  const std::string stage_ = kubelet_ + "/stage";
  const std::string publish_ = kubelet_ + "/publish";
  const std::string other_ = kubelet_ + "/other";
  std::optional<ServerThread> server_;
  std::unique_ptr<Client> client_;
};

}  // namespace datashim::keeper
