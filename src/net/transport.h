// A connected byte stream, plain or TLS, whose waits end. Internal to net.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/url.h"
#include "net/wait.h"

namespace datashim::net {

/// Thread-compatible. After an error only destruction is allowed.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Receives at least one byte; 0 when the peer has closed.
  /// @param expect_wait  the bytes are surely not there yet, as those of an
  ///     answer to what was just sent: saves one futile system call.
  virtual Result<std::size_t> Read(std::span<char> out,
                                   const WaitLimits& limits,
                                   bool expect_wait) = 0;

  /// Sends some of the bytes. 0 when the peer answers or has closed instead of
  /// taking more: read what it has to say.
  virtual Result<std::size_t> Write(std::string_view bytes, bool more_follows,
                                    const WaitLimits& limits) = 0;

  /// Whether there is anything to read, the end included. Does not wait. On an
  /// idle connection that means: do not use it.
  virtual bool HasInput() = 0;

  /// Told before a read of many bytes, so that the kernel wakes us less often.
  virtual void ExpectBytes(std::size_t bytes) = 0;
};

/// Makes a plain transport of a connected, non-blocking socket.
std::unique_ptr<Transport> MakePlainTransport(FileDescriptor socket);

}  // namespace datashim::net
