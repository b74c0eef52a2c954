#include "net/testing/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace datashim::net {

RawClient::RawClient(std::uint16_t port)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address),
                         sizeof(address)) == 0;
}

RawClient::~RawClient() { ::close(fd_); }

void RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool RawClient::Readable(std::chrono::milliseconds patience) const {
  pollfd ready{fd_, POLLIN, 0};
  return ::poll(&ready, 1, static_cast<int>(patience.count())) > 0;
}

bool RawClient::Receive() {
  if (!Readable(std::chrono::seconds(10))) return false;
  std::array<char, 16384> bytes;
  const auto received = ::recv(fd_, bytes.data(), bytes.size(), 0);
  if (received <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(received));
  return true;
}

std::string RawClient::ReadUntil(std::string_view end) {
  std::size_t at = std::string::npos;
  while ((at = buffer_.find(end)) == std::string::npos && Receive()) {
  }
  const std::size_t size = std::min(buffer_.size(), at + end.size());
  std::string text = buffer_.substr(0, at == std::string::npos ? at : size);
  buffer_.erase(0, text.size());
  return text;
}

std::string RawClient::ReadToEnd() {
  while (Receive()) {
  }
  return std::exchange(buffer_, {});
}

}  // namespace datashim::net
