// Server: the keeper's socket. One thread, one request at a time.

#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "keeper/mounts.h"
#include "keeper/protocol.h"
#include "sys/unique_fd.h"

namespace datashim::keeper {

inline constexpr std::size_t kConnectionsMax = 8;

/// Thread-compatible.
class Server {
 public:
  /// Listens at `socket_path`; only processes of this process's own user are
  /// served.
  static Result<std::unique_ptr<Server>> Listen(const std::string& socket_path,
                                                Mounts mounts);

  /// Serves until stopped; returns an error only if it cannot go on. Mounts
  /// stay as they are.
  Status Run(std::stop_token stop);

 private:
  struct Answer {
    Reply reply;
    std::vector<int> fds;              // To send; borrowed.
    std::vector<sys::UniqueFd> owned;  // Those of `fds` that only we hold.
  };

  Server(sys::UniqueFd listener, sys::UniqueFd wake, Mounts mounts)
      : listener_(std::move(listener)),
        wake_(std::move(wake)),
        mounts_(std::move(mounts)) {}

  void Accept();
  bool ServeOne(const sys::UniqueFd& connection);
  Answer Handle(const Request& request, std::vector<sys::UniqueFd> fds);
  Status Perform(const Request& request, std::vector<sys::UniqueFd> fds,
                 Answer& answer);

  sys::UniqueFd listener_;
  sys::UniqueFd wake_;
  Mounts mounts_;
  std::vector<sys::UniqueFd> connections_;
};

}  // namespace datashim::keeper
