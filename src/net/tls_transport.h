// A Transport over TLS, of either side. Internal to net: included by the .cc
// files that speak TLS.

#pragma once

#include <memory>

#include "base/result.h"
#include "net/openssl.h"
#include "net/transport.h"
#include "net/wait.h"

namespace datashim::net {

/// Shakes hands over a connected, non-blocking socket.
/// @return kUnavailable with OpenSSL's reason, or why the certificate of the
///     other side is not trusted.
Result<std::unique_ptr<Transport>> ShakeHands(FileDescriptor socket, Ssl ssl,
                                              Side side,
                                              const WaitLimits& limits);

}  // namespace datashim::net
