#include "net/connect.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace datashim::net {
namespace {

constexpr std::size_t kResolverThreads = 4;
constexpr std::size_t kResolverQueueMax = 1024;
// More addresses of one name are not tried.
constexpr std::size_t kAddressesMax = 8;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

// `flags`: AI_NUMERICHOST to look nothing up.
int GetAddresses(const Origin& origin, int flags, std::vector<Address>& out) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(
      origin.host.c_str(), std::to_string(origin.port).c_str(), &hints, &list);
  if (error != 0) return error;
  for (const addrinfo* at = list; at != nullptr && out.size() < kAddressesMax;
       at = at->ai_next) {
    Address& address = out.emplace_back();
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.size = at->ai_addrlen;
  }
  ::freeaddrinfo(list);
  return 0;
}

Result<FileDescriptor> ConnectOne(const Address& address,
                                  const WaitLimits& limits) {
  const auto failed = [](int error) {
    return Error{ErrorCode::kUnavailable,
                 std::generic_category().message(error)};
  };
  FileDescriptor socket(::socket(address.storage.ss_family,
                                 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                                 0));
  if (!socket) return failed(errno);
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const auto* name = reinterpret_cast<const sockaddr*>(&address.storage);
  if (::connect(socket.get(), name, address.size) == 0) return socket;
  if (errno != EINPROGRESS) return failed(errno);
  auto ready = WaitReady(socket.get(), POLLOUT, limits);
  if (!ready.ok()) return std::move(ready).error();
  int error = 0;
  socklen_t error_size = sizeof(error);
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &error_size);
  if (error != 0) return failed(error);
  return socket;
}

}  // namespace

struct Connector::Lookup {
  Origin origin;
  std::mutex mutex;
  std::condition_variable_any finished;
  // Guarded by mutex.
  bool done = false;
  int error = 0;
  std::vector<Address> addresses;
};

Status Connector::Resolve(const std::shared_ptr<Lookup>& lookup,
                          const WaitLimits& limits) {
  if (GetAddresses(lookup->origin, AI_NUMERICHOST, lookup->addresses) == 0) {
    return OkStatus();
  }
  {
    std::lock_guard lock(mutex_);
    if (!resolvers_) {
      resolvers_ = std::make_unique<ThreadPool>("resolve", kResolverThreads,
                                                kResolverQueueMax);
    }
    const bool queued = resolvers_->TrySubmit([lookup] {
      std::vector<Address> addresses;
      const int error = GetAddresses(lookup->origin, 0, addresses);
      std::lock_guard lookup_lock(lookup->mutex);
      lookup->addresses = std::move(addresses);
      lookup->error = error;
      lookup->done = true;
      lookup->finished.notify_all();
    });
    if (!queued) {
      return Error{ErrorCode::kUnavailable,
                   "too many names are being looked up"};
    }
  }
  std::unique_lock lock(lookup->mutex);
  const bool done = lookup->finished.wait_until(lock, limits.interrupt->token(),
                                                limits.deadline.time(),
                                                [&] { return lookup->done; });
  if (!done && limits.interrupt->requested()) {
    return Error{ErrorCode::kCancelled, "the call was stopped"};
  }
  if (!done) {
    return Error{ErrorCode::kDeadlineExceeded,
                 "the name was not resolved in time"};
  }
  if (lookup->error == 0) return OkStatus();
  return Error{ErrorCode::kUnavailable, std::string("the name is not known: ") +
                                            ::gai_strerror(lookup->error)};
}

Result<FileDescriptor> Connector::Connect(const Origin& origin,
                                          const WaitLimits& limits) {
  const std::string name = "connect to " + origin.ToString();
  const auto lookup = std::make_shared<Lookup>();
  lookup->origin = origin;
  if (auto status = Resolve(lookup, limits); !status.ok()) {
    return status.error().Wrap(name);
  }
  Error last{ErrorCode::kUnavailable, "the name has no address"};
  std::size_t left = lookup->addresses.size();
  for (const Address& address : lookup->addresses) {
    WaitLimits share = limits;
    if (limits.deadline.time() != MonotonicTime::max()) {
      share.deadline = Deadline::After(limits.deadline.Remaining() /
                                       static_cast<Duration::rep>(left));
    }
    --left;
    auto socket = ConnectOne(address, share);
    if (socket.ok()) return socket;
    last = std::move(socket).error();
    if (last.code == ErrorCode::kCancelled) break;
  }
  if (last.code == ErrorCode::kDeadlineExceeded) {
    last.message = "no answer in time";
  }
  return last.Wrap(name);
}

}  // namespace datashim::net
