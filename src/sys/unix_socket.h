// Unix sockets of type SOCK_SEQPACKET that carry whole messages and file
// descriptors between two processes of one machine.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/unique_fd.h"

namespace datashim::sys {

/// Descriptors one message can carry (the kernel's own limit is 253).
inline constexpr std::size_t kMessageFdsMax = 8;

/// What ReceiveMessage got.
struct ReceivedMessage {
  std::size_t bytes = 0;      ///< 0: the peer has closed.
  std::vector<UniqueFd> fds;  ///< Close-on-exec; at most kMessageFdsMax.
};

/// A listening socket at `path` with mode 0600. A stale socket file there is
/// replaced; anything else there is kAlreadyExists. The socket is non-blocking.
Result<UniqueFd> ListenSeqpacket(const std::string& path);

/// The next waiting connection (non-blocking socket); kUnavailable when none
/// waits.
Result<UniqueFd> AcceptConnection(const UniqueFd& listener);

/// Connects; the socket is non-blocking. kUnavailable when nobody listens.
Result<UniqueFd> ConnectSeqpacket(const std::string& path);

/// The user id of the process that connected or listens at the other end.
Result<uid_t> PeerUid(const UniqueFd& socket);

/// Sends one whole message, waiting for room until the deadline.
/// @return kDeadlineExceeded; kUnavailable when the peer is gone.
/// REQUIRES: fds.size() <= kMessageFdsMax.
Status SendMessage(const UniqueFd& socket, std::span<const std::byte> message,
                   std::span<const int> fds, Deadline deadline);

/// Receives one whole message into `buffer`, waiting until the deadline.
/// @return kInvalidArgument when the message or its descriptors do not fit
///     (they are dropped); kDeadlineExceeded; kUnavailable when the peer broke
///     the connection.
Result<ReceivedMessage> ReceiveMessage(const UniqueFd& socket,
                                       std::span<std::byte> buffer,
                                       Deadline deadline);

}  // namespace datashim::sys
