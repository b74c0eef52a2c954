#include "sys/unix_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sys/errno_error.h"

namespace datashim::sys {
namespace {

// Connections that may wait in the listening socket.
constexpr int kBacklog = 16;
constexpr std::size_t kControlBytes = CMSG_SPACE(kMessageFdsMax * sizeof(int));

Result<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Error{ErrorCode::kInvalidArgument,
                 "socket \"" + path + "\": the path must have 1 to " +
                     std::to_string(sizeof(address.sun_path) - 1) + " bytes"};
  }
  path.copy(address.sun_path, path.size());
  return address;
}

Result<UniqueFd> NewSocket() {
  UniqueFd socket(
      ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return ErrnoError(errno, "make a unix socket");
  return socket;
}

Status RemoveStaleSocket(const std::string& path) {
  struct stat found = {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return OkStatus();
    return ErrnoError(errno, "socket \"" + path + "\"");
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error{ErrorCode::kAlreadyExists,
                 "socket \"" + path + "\": something else has this name"};
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoError(errno, "remove the stale socket \"" + path + "\"");
  }
  return OkStatus();
}

// Waits until the socket has one of `events` or has failed.
Status WaitFor(const UniqueFd& socket, short events, Deadline deadline) {
  using std::chrono::milliseconds;
  for (;;) {
    // A poll ends after an hour at the latest, so that "never" fits an int.
    const auto left = std::chrono::ceil<milliseconds>(
        std::min<Duration>(deadline.Remaining(), std::chrono::hours(1)));
    pollfd entry = {socket.get(), events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoError(errno, "poll");
    if (ready == 0 && deadline.HasPassed()) {
      return Error{ErrorCode::kDeadlineExceeded,
                   "the peer did not answer in time"};
    }
  }
}

std::vector<UniqueFd> TakeDescriptors(msghdr& header) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Result<UniqueFd> ListenSeqpacket(const std::string& path) {
  DS_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  DS_RETURN_IF_ERROR(RemoveStaleSocket(path));
  DS_ASSIGN_OR_RETURN(UniqueFd socket, NewSocket());
  // The mode of the socket's file is that of the socket at bind(2); nobody else
  // can connect in between.
  if (::fchmod(socket.get(), 0600) != 0 ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0 ||
      ::listen(socket.get(), kBacklog) != 0) {
    return ErrnoError(errno, "listen on socket \"" + path + "\"");
  }
  return socket;
}

Result<UniqueFd> AcceptConnection(const UniqueFd& listener) {
  UniqueFd connection(::accept4(listener.get(), nullptr, nullptr,
                                SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) return ErrnoError(errno, "accept a connection");
  return connection;
}

Result<UniqueFd> ConnectSeqpacket(const std::string& path) {
  DS_ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  DS_ASSIGN_OR_RETURN(UniqueFd socket, NewSocket());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof(address)) != 0) {
    Error error = ErrnoError(errno, "connect to socket \"" + path + "\"");
    // No socket file yet and nobody behind it are the same to a caller.
    if (error.code == ErrorCode::kNotFound) {
      error.code = ErrorCode::kUnavailable;
    }
    return error;
  }
  return socket;
}

Result<uid_t> PeerUid(const UniqueFd& socket) {
  ucred peer = {};
  socklen_t bytes = sizeof(peer);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) {
    return ErrnoError(errno, "ask for the peer's user");
  }
  return peer.uid;
}

Status SendMessage(const UniqueFd& socket, std::span<const std::byte> message,
                   std::span<const int> fds, Deadline deadline) {
  DS_CHECK(fds.size() <= kMessageFdsMax);
  iovec part = {const_cast<std::byte*>(message.data()), message.size()};
  alignas(cmsghdr) char control[kControlBytes] = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  for (;;) {
    const ssize_t sent =
        ::sendmsg(socket.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return OkStatus();  // A seqpacket goes whole or not at all.
    if (errno == EAGAIN) {
      DS_RETURN_IF_ERROR(WaitFor(socket, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return ErrnoError(errno, "send a message");
    }
  }
}

Result<ReceivedMessage> ReceiveMessage(const UniqueFd& socket,
                                       std::span<std::byte> buffer,
                                       Deadline deadline) {
  iovec part = {buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[kControlBytes];
  for (;;) {
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    const ssize_t got =
        ::recvmsg(socket.get(), &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      DS_RETURN_IF_ERROR(WaitFor(socket, POLLIN, deadline));
      continue;
    }
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "receive a message");

    ReceivedMessage message = {static_cast<std::size_t>(got),
                               TakeDescriptors(header)};
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      return Error{ErrorCode::kInvalidArgument,
                   "a message has more bytes or descriptors than expected"};
    }
    return message;
  }
}

}  // namespace datashim::sys
