#include "net/connection_pool.h"

#include <algorithm>
#include <utility>

namespace datashim::net {
ConnectionPool::ConnectionPool(PoolLimits limits,
                               std::unique_ptr<TlsClient> tls)
    : limits_(limits), tls_(std::move(tls)) {}

Result<Connection> ConnectionPool::Acquire(const Origin& origin, bool fresh,
                                           const WaitLimits& limits) {
  std::vector<Connection> closing;  // Closed without the lock.
  {
    std::unique_lock lock(mutex_);
    PerOrigin& of = origins_[origin];
    const auto available = [&] {
      return !of.idle.empty() || of.open < limits_.connections_max;
    };
    if (!of.released.wait_until(lock, limits.interrupt->token(),
                                limits.deadline.time(), available)) {
      if (limits.interrupt->requested()) {
        return Error{ErrorCode::kCancelled, "the call was stopped"};
      }
      return Error{ErrorCode::kDeadlineExceeded,
                   origin.ToString() + ": all " +
                       std::to_string(limits_.connections_max) +
                       " connections are busy"};
    }
    const MonotonicTime oldest = SystemClock().Now() - limits_.idle_timeout;
    while (!of.idle.empty()) {
      Connection connection = std::move(of.idle.back());
      of.idle.pop_back();
      if (!fresh && connection.idle_since >= oldest &&
          !connection.transport->HasInput()) {
        return connection;
      }
      --of.open;
      closing.push_back(std::move(connection));
    }
    ++of.open;
  }
  auto connection = Open(origin, limits);
  if (!connection.ok()) Drop(origin);
  return connection;
}

Result<Connection> ConnectionPool::Open(const Origin& origin,
                                        const WaitLimits& limits) {
  const Deadline connect_end = Deadline::After(limits_.connect_timeout);
  WaitLimits within = limits;
  within.deadline = limits.deadline.Min(connect_end);
  within.silence.reset();
  const auto translate = [&](Error error) {
    // The caller's own deadline has not passed: to it, the server is away.
    if (error.code == ErrorCode::kDeadlineExceeded &&
        !limits.deadline.HasPassed()) {
      error.code = ErrorCode::kUnavailable;
    }
    return error;
  };
  auto socket = connector_.Connect(origin, within);
  if (!socket.ok()) return translate(std::move(socket).error());
  Connection connection;
  if (!origin.tls) {
    connection.transport =
        MakePlainTransport(std::move(socket).value(), Side::kClient);
    return connection;
  }
  auto transport = tls_->Handshake(std::move(socket).value(), origin, within);
  if (!transport.ok()) {
    return translate(transport.error().Wrap(origin.ToString()));
  }
  connection.transport = std::move(transport).value();
  return connection;
}

void ConnectionPool::Release(const Origin& origin, Connection connection) {
  connection.reused = true;
  connection.idle_since = SystemClock().Now();
  std::vector<Connection> closing;
  std::lock_guard lock(mutex_);
  PerOrigin& of = origins_[origin];
  const MonotonicTime oldest = connection.idle_since - limits_.idle_timeout;
  const auto young = std::ranges::find_if(of.idle, [&](const Connection& idle) {
    return idle.idle_since >= oldest;
  });
  std::move(of.idle.begin(), young, std::back_inserter(closing));
  of.open -= static_cast<std::size_t>(young - of.idle.begin());
  of.idle.erase(of.idle.begin(), young);
  of.idle.push_back(std::move(connection));
  of.released.notify_one();
}

void ConnectionPool::Drop(const Origin& origin) {
  std::lock_guard lock(mutex_);
  PerOrigin& of = origins_[origin];
  --of.open;
  of.released.notify_one();
}

}  // namespace datashim::net
