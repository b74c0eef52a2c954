#include "keeper/client.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/thread_pool.h"
#include "keeper/protocol.h"
#include "sys/errno_error.h"
#include "sys/unix_socket.h"

namespace datashim::keeper {
namespace {

using std::chrono::milliseconds;

// Between two attempts to reach a keeper that is not there.
constexpr milliseconds kReconnectInterval{50};
constexpr milliseconds kWatchInterval{500};
// For one attempt of the watching thread, during which calls wait.
constexpr milliseconds kWatchDeadline{2000};

struct Received {
  Reply reply;
  std::vector<sys::UniqueFd> fds;
};

Request RequestFor(Operation operation, const MountSpec& spec) {
  Request request;
  request.operation = operation;
  request.volume_id = spec.volume_id;
  request.location_id = spec.location_id;
  request.target = spec.target;
  request.read_only = spec.read_only;
  return request;
}

Request RequestFor(Operation operation, const std::string& target) {
  Request request;
  request.operation = operation;
  request.target = target;
  return request;
}

// Each side of a copied mount has its own descriptors.
Result<KeptMount> Copy(const KeptMount& mount) {
  KeptMount copy = {mount.spec, {}, {}};
  DS_ASSIGN_OR_RETURN(copy.fuse_fd, mount.fuse_fd.Duplicate());
  if (mount.state_fd) {
    DS_ASSIGN_OR_RETURN(copy.state_fd, mount.state_fd.Duplicate());
  }
  return copy;
}

Error Malformed() {
  return {ErrorCode::kInternal, "the keeper sent a reply that does not fit"};
}

class ClientImpl final : public Client {
 public:
  ClientImpl(std::string socket_path, sys::UniqueFd wake)
      : socket_path_(std::move(socket_path)), wake_(std::move(wake)) {}
  ~ClientImpl() override {
    stop_.request_stop();
    ::eventfd_write(wake_.get(), 1);
    if (watcher_.joinable()) watcher_.join();
  }

  Status Start(Deadline deadline) {
    DS_RETURN_IF_ERROR(
        CallForStatus(RequestFor(Operation::kHello, std::string()), deadline));
    watcher_ = std::thread([this] { Watch(); });
    return OkStatus();
  }

  Result<std::vector<KeptMount>> KeptMounts(Deadline deadline) override;
  Result<FuseConnection> MountFuse(const MountSpec& spec,
                                   Deadline deadline) override;
  Status SetReadahead(const std::string& target, std::uint32_t readahead_kib,
                      Deadline deadline) override;
  Status Bind(const std::string& source, const std::string& target,
              bool read_only, Deadline deadline) override;
  Status Unmount(const std::string& target, bool detach,
                 Deadline deadline) override;
  Status PutState(const std::string& target, const sys::UniqueFd& memfd,
                  Deadline deadline) override;
  Result<std::int32_t> OpenBacking(const std::string& target,
                                   const std::string& name, std::uint64_t inode,
                                   Deadline deadline) override;
  void CloseBacking(const std::string& target, std::int32_t id) override;
  Status MakeDirectory(const std::string& path, Deadline deadline) override {
    return CallForStatus(RequestFor(Operation::kMakeDirectory, path), deadline);
  }
  Status RemoveDirectory(const std::string& path, Deadline deadline) override {
    return CallForStatus(RequestFor(Operation::kRemoveDirectory, path),
                         deadline);
  }

 private:
  using Lock = std::unique_lock<std::timed_mutex>;

  Result<Lock> LockUntil(Deadline deadline) const;
  Status CallForStatus(const Request& request, Deadline deadline);
  Result<Received> Call(Request request, std::vector<int> fds,
                        Deadline deadline);
  Result<Received> Exchange(const Request& request, std::span<const int> fds,
                            Deadline deadline);
  Status Connect(Deadline deadline);
  Status GiveBack(Deadline deadline);
  void Disconnect();
  void CloseBackings();
  void ForgetBackings(const std::string& target);
  void Watch();

  const std::string socket_path_;
  const sys::UniqueFd wake_;
  std::stop_source stop_;
  mutable std::timed_mutex mutex_;
  // The rest is guarded by mutex_. Shared with the watching thread, which polls
  // the connection while others use it.
  std::shared_ptr<const sys::UniqueFd> connection_;
  std::uint64_t last_id_ = 0;
  std::map<std::string, KeptMount> held_;  // By target.

  // Taken last: who closes a file never waits for the keeper.
  std::mutex closing_mutex_;
  std::deque<std::pair<std::string, std::int32_t>> closing_;
  std::thread watcher_;  // Start and end only.
};

Result<ClientImpl::Lock> ClientImpl::LockUntil(Deadline deadline) const {
  Lock lock(mutex_, std::defer_lock);
  if (lock.try_lock_until(deadline.time())) return lock;
  return Error{ErrorCode::kDeadlineExceeded,
               "keeper: other calls took all the time"};
}

// One request and its reply on the connection there is. kUnavailable and
// kDeadlineExceeded are of the connection; what the keeper refused is in the
// reply.
Result<Received> ClientImpl::Exchange(const Request& request,
                                      std::span<const int> fds,
                                      Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const auto bytes, EncodeRequest(request));
  DS_RETURN_IF_ERROR(sys::SendMessage(*connection_, bytes, fds, deadline));
  std::array<std::byte, kReplyBytes> buffer;
  DS_ASSIGN_OR_RETURN(sys::ReceivedMessage message,
                      sys::ReceiveMessage(*connection_, buffer, deadline));
  if (message.bytes == 0) {
    return Error{ErrorCode::kUnavailable, "keeper: it closed the connection"};
  }
  DS_ASSIGN_OR_RETURN(Reply reply,
                      ParseReply(std::span(buffer).first(message.bytes)));
  if (reply.id != request.id) return Malformed();
  return Received{std::move(reply), std::move(message.fds)};
}

void ClientImpl::Disconnect() {
  if (connection_ == nullptr) return;
  // The watching thread may hold the descriptor: this wakes it.
  ::shutdown(connection_->get(), SHUT_RDWR);
  connection_.reset();
}

// One attempt. REQUIRES: the lock.
Status ClientImpl::Connect(Deadline deadline) {
  DS_ASSIGN_OR_RETURN(sys::UniqueFd socket,
                      sys::ConnectSeqpacket(socket_path_));
  connection_ = std::make_shared<const sys::UniqueFd>(std::move(socket));
  Status given = GiveBack(deadline);
  if (!given.ok()) Disconnect();
  return given;
}

// Says hello and gives the keeper what it lost, if it restarted.
Status ClientImpl::GiveBack(Deadline deadline) {
  Request hello = RequestFor(Operation::kHello, std::string());
  hello.id = ++last_id_;
  DS_ASSIGN_OR_RETURN(std::ignore, Exchange(hello, {}, deadline));
  for (auto item = held_.begin(); item != held_.end();) {
    const KeptMount& mount = item->second;
    Request request = RequestFor(Operation::kAdoptMount, mount.spec);
    request.id = ++last_id_;
    std::vector<int> fds = {mount.fuse_fd.get()};
    if (mount.state_fd) fds.push_back(mount.state_fd.get());
    DS_ASSIGN_OR_RETURN(const Received received,
                        Exchange(request, fds, deadline));
    if (received.reply.error) {
      log::Warn("the keeper does not take a mount back",
                {{"target", mount.spec.target},
                 {"error", received.reply.error->message}});
      item = held_.erase(item);
    } else {
      ++item;
    }
  }
  return OkStatus();
}

// REQUIRES: the lock. Connects and asks again until there is a reply: every
// operation is idempotent, so one that was done before the connection broke may
// be asked for again.
Result<Received> ClientImpl::Call(Request request, std::vector<int> fds,
                                  Deadline deadline) {
  for (;;) {
    Status connected = connection_ != nullptr ? OkStatus() : Connect(deadline);
    Error failure;
    if (connected.ok()) {
      request.id = ++last_id_;
      Result<Received> received = Exchange(request, fds, deadline);
      if (received.ok()) {
        if (received->reply.error) return *std::move(received->reply.error);
        return received;
      }
      failure = std::move(received).error();
      // A late reply must not be taken for that of the next request.
      Disconnect();
    } else {
      failure = std::move(connected).error();
    }
    if (failure.code != ErrorCode::kUnavailable || deadline.HasPassed()) {
      return failure.Wrap("keeper at \"" + socket_path_ + "\"");
    }
    SystemClock().SleepFor(
        std::min<Duration>(kReconnectInterval, deadline.Remaining()),
        stop_.get_token());
  }
}

Status ClientImpl::CallForStatus(const Request& request, Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const Lock lock, LockUntil(deadline));
  DS_ASSIGN_OR_RETURN(std::ignore, Call(request, {}, deadline));
  return OkStatus();
}

Result<std::vector<KeptMount>> ClientImpl::KeptMounts(Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const Lock lock, LockUntil(deadline));
  std::vector<KeptMount> mounts;
  std::string after;
  for (;;) {
    Result<Received> received =
        Call(RequestFor(Operation::kNextMount, after), {}, deadline);
    if (!received.ok()) {
      if (received.error().code == ErrorCode::kNotFound) return mounts;
      return std::move(received).error();
    }
    Reply& reply = received->reply;
    std::vector<sys::UniqueFd>& fds = received->fds;
    if (fds.size() != (reply.has_state ? 2U : 1U) || reply.target <= after) {
      return Malformed();
    }
    fds.resize(2);
    after = reply.target;
    KeptMount mount = {
        {std::move(reply.volume_id), std::move(reply.location_id),
         std::move(reply.target), reply.read_only},
        std::move(fds[0]),
        std::move(fds[1])};
    DS_ASSIGN_OR_RETURN(KeptMount copy, Copy(mount));
    held_.insert_or_assign(after, std::move(copy));
    mounts.push_back(std::move(mount));
  }
}

Result<FuseConnection> ClientImpl::MountFuse(const MountSpec& spec,
                                             Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const Lock lock, LockUntil(deadline));
  DS_ASSIGN_OR_RETURN(
      Received received,
      Call(RequestFor(Operation::kMountFuse, spec), {}, deadline));
  if (received.fds.size() != 1) return Malformed();
  if (received.reply.is_new) ForgetBackings(spec.target);
  FuseConnection connection = {std::move(received.fds[0]),
                               received.reply.is_new};
  if (connection.is_new || !held_.contains(spec.target)) {
    DS_ASSIGN_OR_RETURN(sys::UniqueFd copy, connection.fd.Duplicate());
    held_.insert_or_assign(spec.target,
                           KeptMount{spec, std::move(copy), sys::UniqueFd()});
  }
  return connection;
}

Status ClientImpl::SetReadahead(const std::string& target,
                                std::uint32_t readahead_kib,
                                Deadline deadline) {
  Request request = RequestFor(Operation::kSetReadahead, target);
  request.readahead_kib = readahead_kib;
  return CallForStatus(request, deadline);
}

Status ClientImpl::Bind(const std::string& source, const std::string& target,
                        bool read_only, Deadline deadline) {
  Request request = RequestFor(Operation::kBind, target);
  request.source = source;
  request.read_only = read_only;
  return CallForStatus(request, deadline);
}

Status ClientImpl::Unmount(const std::string& target, bool detach,
                           Deadline deadline) {
  Request request = RequestFor(Operation::kUnmount, target);
  request.detach = detach;
  DS_ASSIGN_OR_RETURN(const Lock lock, LockUntil(deadline));
  DS_ASSIGN_OR_RETURN(std::ignore, Call(request, {}, deadline));
  held_.erase(target);
  ForgetBackings(target);
  return OkStatus();
}

Status ClientImpl::PutState(const std::string& target,
                            const sys::UniqueFd& memfd, Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const Lock lock, LockUntil(deadline));
  DS_ASSIGN_OR_RETURN(
      std::ignore,
      Call(RequestFor(Operation::kPutState, target), {memfd.get()}, deadline));
  if (const auto held = held_.find(target); held != held_.end()) {
    DS_ASSIGN_OR_RETURN(held->second.state_fd, memfd.Duplicate());
  }
  return OkStatus();
}

Result<std::int32_t> ClientImpl::OpenBacking(const std::string& target,
                                             const std::string& name,
                                             std::uint64_t inode,
                                             Deadline deadline) {
  Request request = RequestFor(Operation::kOpenBacking, target);
  request.source = name;
  request.inode = inode;
  DS_ASSIGN_OR_RETURN(const Lock lock, LockUntil(deadline));
  DS_ASSIGN_OR_RETURN(const Received received,
                      Call(std::move(request), {}, deadline));
  if (received.reply.backing_id <= 0) return Malformed();
  return received.reply.backing_id;
}

void ClientImpl::CloseBacking(const std::string& target, std::int32_t id) {
  {
    const std::lock_guard lock(closing_mutex_);
    closing_.emplace_back(target, id);
  }
  ::eventfd_write(wake_.get(), 1);
}

// REQUIRES: the lock. What cannot be sent now waits for the next connection.
void ClientImpl::CloseBackings() {
  while (connection_ != nullptr) {
    Request request;
    {
      const std::lock_guard lock(closing_mutex_);
      if (closing_.empty()) return;
      request = RequestFor(Operation::kCloseBacking, closing_.front().first);
      request.backing_id = closing_.front().second;
    }
    request.id = ++last_id_;
    // The keeper's refusal means that there is no such number any more.
    if (!Exchange(request, {}, Deadline::After(kWatchDeadline)).ok()) {
      return Disconnect();
    }
    const std::lock_guard lock(closing_mutex_);
    closing_.pop_front();
  }
}

// REQUIRES: the lock. A connection that is made anew counts from 1 again.
void ClientImpl::ForgetBackings(const std::string& target) {
  const std::lock_guard lock(closing_mutex_);
  std::erase_if(closing_,
                [&](const auto& backing) { return backing.first == target; });
}

// Notices that the keeper restarted although nobody calls, so that the copies
// exist twice again as soon as possible; and tells it what may wait.
void ClientImpl::Watch() {
  SetThreadName("keeper-watch");
  while (!stop_.stop_requested()) {
    std::shared_ptr<const sys::UniqueFd> seen;
    {
      const Lock lock(mutex_);
      if (connection_ == nullptr) {
        // It fails until the keeper is there: the next call will say so.
        static_cast<void>(Connect(Deadline::After(kWatchDeadline)));
      }
      CloseBackings();
      seen = connection_;
    }
    pollfd entries[] = {{wake_.get(), POLLIN, 0},
                        {seen == nullptr ? -1 : seen->get(), POLLRDHUP, 0}};
    const int timeout_ms =
        seen == nullptr ? static_cast<int>(kWatchInterval.count()) : -1;
    ::poll(entries, 2, timeout_ms);
    eventfd_t woken = 0;
    if (entries[0].revents != 0) ::eventfd_read(wake_.get(), &woken);
    if (entries[1].revents == 0) continue;
    const Lock lock(mutex_);
    if (connection_ == seen) Disconnect();
  }
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Connect(const std::string& socket_path,
                                                Deadline deadline) {
  sys::UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return sys::ErrnoError(errno, "make an eventfd");
  auto client = std::make_unique<ClientImpl>(socket_path, std::move(wake));
  DS_RETURN_IF_ERROR(client->Start(deadline));
  return std::unique_ptr<Client>(std::move(client));
}

}  // namespace datashim::keeper
