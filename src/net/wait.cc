#include "net/wait.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace datashim::net {

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Interrupt::Interrupt() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  // Only EMFILE and ENFILE are left to go wrong, and nothing works then.
  DS_CHECK(static_cast<bool>(event_));
}

void Interrupt::Request() {
  stop_.request_stop();
  const std::uint64_t one = 1;
  // Fails only when the counter is full: readable all the same.
  [[maybe_unused]] const auto written =
      ::write(event_.get(), &one, sizeof(one));
}

Result<short> WaitReady(int fd, short events, const WaitLimits& limits) {
  const Deadline silence =
      limits.silence ? Deadline::After(*limits.silence) : Deadline::Never();
  const Deadline end = limits.deadline.Min(silence);
  std::array<pollfd, 2> fds = {pollfd{fd, events, 0},
                               pollfd{limits.interrupt->fd(), POLLIN, 0}};
  while (true) {
    const Duration left = end.Remaining();
    // Longer waits than an hour are cut into hours: poll takes an int of ms.
    const auto left_ms = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<Duration>(left, std::chrono::hours(1)));
    const int ready =
        ::poll(fds.data(), fds.size(), static_cast<int>(left_ms.count()));
    if (fds[1].revents != 0) {
      return Error{ErrorCode::kCancelled, "the call was stopped"};
    }
    if (ready > 0) return fds[0].revents;
    if (ready < 0 && errno != EINTR) {
      return Error{ErrorCode::kInternal, "poll failed"};
    }
    if (limits.deadline.HasPassed()) {
      return Error{ErrorCode::kDeadlineExceeded, "the deadline passed"};
    }
    if (silence.HasPassed()) {
      return Error{ErrorCode::kAborted, "the server fell silent"};
    }
  }
}

}  // namespace datashim::net
