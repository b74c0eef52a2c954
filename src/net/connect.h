// Names to addresses to connected sockets, each within its deadline. Internal
// to net.

#pragma once

#include <memory>
#include <mutex>

#include "base/result.h"
#include "base/thread_pool.h"
#include "net/url.h"
#include "net/wait.h"

namespace datashim::net {

/// Thread-safe.
class Connector {
 public:
  Connector() = default;
  /// Waits for look-ups under way: as long as the C library tries.
  ~Connector() = default;

  /// Tries the addresses of the host in turn, each for an equal share of the
  /// time left. @return a non-blocking socket with TCP_NODELAY. Errors name
  /// host and port.
  Result<FileDescriptor> Connect(const Origin& origin,
                                 const WaitLimits& limits);

 private:
  struct Lookup;
  Status Resolve(const std::shared_ptr<Lookup>& lookup,
                 const WaitLimits& limits);

  std::mutex mutex_;
  // getaddrinfo(3) knows no deadline, so it runs on threads that a call can
  // leave behind. Started for the first name that is no address.
  std::unique_ptr<ThreadPool> resolvers_;  // Guarded by mutex_.
};

}  // namespace datashim::net
