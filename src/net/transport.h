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

/// Who opened the connection. A client that writes looks out for an early
/// answer; a server does not mind a next request.
enum class Side { kClient, kServer };

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

  /// Sends some of the bytes. 0 when the peer has closed or, to a client,
  /// answers instead of taking more: read what it has to say.
  virtual Result<std::size_t> Write(std::string_view bytes, bool more_follows,
                                    const WaitLimits& limits) = 0;

  /// Whether there is anything to read, the end included. Does not wait. On an
  /// idle connection that means: do not use it.
  virtual bool HasInput() = 0;

  /// Told before a read of many bytes, so that the kernel wakes us less often.
  virtual void ExpectBytes(std::size_t bytes) = 0;

  /// Tells the peer that nothing more will be sent; reads go on.
  virtual void FinishWriting() = 0;
};

/// Makes a plain transport of a connected, non-blocking socket.
std::unique_ptr<Transport> MakePlainTransport(FileDescriptor socket, Side side);

}  // namespace datashim::net
