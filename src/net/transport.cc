#include "net/transport.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace datashim::net {
namespace {

Error ConnectionError(std::string_view what, int error) {
  return {ErrorCode::kUnavailable,
          std::string(what) + ": " + std::generic_category().message(error)};
}

class PlainTransport final : public Transport {
 public:
  PlainTransport(FileDescriptor socket, Side side)
      : socket_(std::move(socket)),
        write_events_(side == Side::kClient ? POLLOUT | POLLIN : POLLOUT) {}

  Result<std::size_t> Read(std::span<char> out, const WaitLimits& limits,
                           bool expect_wait) override {
    while (true) {
      Status waited = OkStatus();
      if (expect_wait) waited = WaitForInput(limits);
      // Tried after a silence, too: less than ExpectBytes may be there.
      const auto received =
          ::recv(socket_.get(), out.data(), out.size(), MSG_DONTWAIT);
      if (received > 0) return static_cast<std::size_t>(received);
      DS_RETURN_IF_ERROR(std::move(waited));
      if (received == 0) return std::size_t{0};
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return ConnectionError("receive", errno);
      expect_wait = true;
    }
  }

  Result<std::size_t> Write(std::string_view bytes, bool more_follows,
                            const WaitLimits& limits) override {
    const int flags =
        MSG_NOSIGNAL | MSG_DONTWAIT | (more_follows ? MSG_MORE : 0);
    while (true) {
      const auto sent =
          ::send(socket_.get(), bytes.data(), bytes.size(), flags);
      if (sent >= 0) return static_cast<std::size_t>(sent);
      if (errno == EINTR) continue;
      if (errno == EPIPE || errno == ECONNRESET) return std::size_t{0};
      if (errno != EAGAIN) return ConnectionError("send", errno);
      DS_ASSIGN_OR_RETURN(const short ready,
                          WaitReady(socket_.get(), write_events_, limits));
      if ((ready & POLLOUT) == 0 && HasInput()) return std::size_t{0};
    }
  }

  bool HasInput() override {
    char byte = 0;
    const auto received =
        ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return received >= 0 || (errno != EAGAIN && errno != EINTR);
  }

  // Half a part at a time is enough for a wake-up; at most what a receive
  // buffer surely has room for, or the kernel would have to grow it first.
  void ExpectBytes(std::size_t bytes) override {
    constexpr std::size_t kWakeUpBytesMax = 256u << 10;
    const int wanted =
        static_cast<int>(std::clamp<std::size_t>(bytes, 1, kWakeUpBytesMax));
    if (wanted == wake_up_bytes_) return;
    wake_up_bytes_ = wanted;
    // Only a hint: without it reads are smaller.
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVLOWAT, &wanted,
                 sizeof(wanted));
  }

  void FinishWriting() override { ::shutdown(socket_.get(), SHUT_WR); }

 private:
  Status WaitForInput(const WaitLimits& limits) {
    auto ready = WaitReady(socket_.get(), POLLIN, limits);
    return ready.ok() ? OkStatus() : Status(std::move(ready).error());
  }

  FileDescriptor socket_;
  const short write_events_;
  int wake_up_bytes_ = 1;
};

}  // namespace

std::unique_ptr<Transport> MakePlainTransport(FileDescriptor socket,
                                              Side side) {
  return std::make_unique<PlainTransport>(std::move(socket), side);
}

}  // namespace datashim::net
