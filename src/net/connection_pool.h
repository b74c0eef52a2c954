// Keep-alive connections by origin, with their limits. Internal to net.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "net/connect.h"
#include "net/receive_buffer.h"
#include "net/tls.h"
#include "net/transport.h"
#include "net/url.h"
#include "net/wait.h"

namespace datashim::net {

/// A transport and what was received from it but not used yet.
struct Connection {
  std::unique_ptr<Transport> transport;
  ReceiveBuffer received;
  bool reused = false;  ///< It has carried an answer before.
  MonotonicTime idle_since;
};

/// Bounds of one pool.
struct PoolLimits {
  std::size_t connections_max = 0;  ///< Per origin.
  Duration idle_timeout{};
  Duration connect_timeout{};
};

/// Thread-safe.
class ConnectionPool {
 public:
  ConnectionPool(PoolLimits limits, std::unique_ptr<TlsClient> tls);

  /// A connection for one exchange; waits for its turn at the limit. Give it
  /// back with Release, or call Drop when it is of no more use.
  /// @param fresh  do not take an idle one, and close those of the origin:
  ///     the server has begun to close them.
  Result<Connection> Acquire(const Origin& origin, bool fresh,
                             const WaitLimits& limits);
  void Release(const Origin& origin, Connection connection);
  void Drop(const Origin& origin);

 private:
  struct PerOrigin {
    std::vector<Connection> idle;  // The one used last at the back.
    std::size_t open = 0;          // Idle and in use.
    std::condition_variable_any released;
  };

  Result<Connection> Open(const Origin& origin, const WaitLimits& limits);

  const PoolLimits limits_;
  const std::unique_ptr<TlsClient> tls_;
  Connector connector_;
  std::mutex mutex_;
  std::map<Origin, PerOrigin> origins_;  // Guarded by mutex_; never erased.
};

}  // namespace datashim::net
