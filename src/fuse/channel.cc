#include "fuse/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>

#include "fuse/protocol.h"
#include "sys/errno_error.h"
#include "sys/fuse_backing.h"

namespace datashim::fuse {
namespace {

// FUSE_DEV_IOC_CLONE: Debian's header has it beside all of the structures that
// protocol.h defines.
constexpr unsigned long kCloneIoctl = _IOR(229, 0, std::uint32_t);

constexpr std::size_t kPiecesInline = 15;

iovec ToIovec(std::span<const std::byte> bytes) {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

/// One message is one writev: header and pieces, without copying them.
int Send(int fd, wire::OutHeader header,
         std::span<const std::span<const std::byte>> pieces) {
  std::array<iovec, kPiecesInline + 1> few;
  std::vector<iovec> many;
  std::vector<std::byte> joined;
  std::span<iovec> parts = few;
  std::size_t bytes = sizeof(header);
  for (const auto& piece : pieces) bytes += piece.size();
  header.len = static_cast<std::uint32_t>(bytes);

  std::size_t count = pieces.size();
  if (count >= IOV_MAX) {
    joined.reserve(bytes);
    for (const auto& piece : pieces) {
      joined.insert(joined.end(), piece.begin(), piece.end());
    }
    few[1] = ToIovec(joined);
    count = 1;
  } else {
    if (count > kPiecesInline) {
      many.resize(count + 1);
      parts = many;
    }
    std::transform(pieces.begin(), pieces.end(), parts.begin() + 1, ToIovec);
  }
  parts[0] = {&header, sizeof(header)};
  while (::writev(fd, parts.data(), static_cast<int>(count + 1)) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

}  // namespace

Result<std::shared_ptr<Channel>> Channel::Clone() const {
  sys::UniqueFd clone(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!clone) return sys::ErrnoError(errno, "open /dev/fuse");
  auto source = static_cast<std::uint32_t>(device_.get());
  if (::ioctl(clone.get(), kCloneIoctl, &source) != 0) {
    return sys::ErrnoError(errno, "FUSE_DEV_IOC_CLONE");
  }
  return std::make_shared<Channel>(std::move(clone));
}

Result<std::int32_t> Channel::OpenBacking(int fd) const {
  return sys::OpenFuseBacking(device_, fd);
}

void Channel::CloseBacking(std::int32_t id) const {
  // Fails only for a number that is none.
  static_cast<void>(sys::CloseFuseBacking(device_, id));
}

Status Channel::SetBlocking() const {
  const int flags = ::fcntl(device_.get(), F_GETFL);
  if (flags < 0 || ::fcntl(device_.get(), F_SETFL, flags & ~O_NONBLOCK) < 0) {
    return sys::ErrnoError(errno, "fcntl of the FUSE descriptor");
  }
  return OkStatus();
}

bool Channel::WaitReadable(Deadline deadline) const {
  pollfd waiting{device_.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<Duration>(deadline.Remaining(), std::chrono::hours(1)));
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 && deadline.HasPassed()) return false;
  }
}

std::int64_t Channel::Receive(std::span<std::byte> buffer) const {
  const ssize_t bytes = ::read(device_.get(), buffer.data(), buffer.size());
  return bytes < 0 ? -errno : bytes;
}

int Channel::Reply(std::uint64_t unique, int error,
                   std::span<const std::span<const std::byte>> pieces) const {
  return Send(device_.get(), {0, -error, unique}, pieces);
}

int Channel::Notify(std::int32_t code,
                    std::span<const std::span<const std::byte>> pieces) const {
  return Send(device_.get(), {0, code, 0}, pieces);
}

}  // namespace datashim::fuse
