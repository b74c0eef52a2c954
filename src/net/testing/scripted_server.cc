#include "net/testing/scripted_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "base/strings.h"

namespace datashim::net {
namespace {

std::size_t ContentLength(std::string_view head) {
  for (const std::string_view line : Split(head, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == line.npos ||
        !EqualsIgnoreCase(line.substr(0, colon), "content-length")) {
      continue;
    }
    const auto length =
        ParseInt(TrimSpace(line.substr(colon + 1)), 0, std::int64_t{1} << 40);
    return static_cast<std::size_t>(length.value_or(0));
  }
  return 0;
}

}  // namespace

bool ScriptedConnection::Receive() {
  std::array<char, 16384> bytes;
  const auto received = ::recv(fd_, bytes.data(), bytes.size(), 0);
  if (received <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(received));
  return true;
}

std::string ScriptedConnection::ReadRequest() {
  std::size_t end = std::string::npos;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Receive()) return {};
  }
  const std::size_t size = end + 4 + ContentLength(buffer_.substr(0, end));
  while (buffer_.size() < size) {
    if (!Receive()) return {};
  }
  std::string request = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return request;
}

void ScriptedConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void ScriptedConnection::AwaitClose() {
  while (Receive()) buffer_.clear();
}

void ScriptedConnection::ResetOnClose() {
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

ScriptedServer::ScriptedServer(Script script) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  DS_CHECK(::bind(listener_, name, size) == 0);
  DS_CHECK(::listen(listener_, 128) == 0);
  DS_CHECK(::getsockname(listener_, name, &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

void ScriptedServer::Accept() {
  while (true) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int index = connections_++;
    std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd, index] {
      ScriptedConnection connection(fd);
      script_(connection, index);
      std::lock_guard closing(mutex_);
      open_.remove(fd);
      ::close(fd);
    });
  }
}

}  // namespace datashim::net
