#include "keeper/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "sys/errno_error.h"
#include "sys/unix_socket.h"

namespace datashim::keeper {
namespace {

// How often connections that ended behind our back are looked for.
constexpr int kSweepIntervalMs = 60'000;

MountSpec SpecOf(const Request& request) {
  return {request.volume_id, request.location_id, request.target,
          request.read_only};
}

// Descriptors that a request of this kind brings: at least, at most.
std::pair<std::size_t, std::size_t> DescriptorsOf(Operation operation) {
  switch (operation) {
    case Operation::kAdoptMount:
      return {1, 2};
    case Operation::kPutState:
      return {1, 1};
    default:
      return {0, 0};
  }
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Listen(const std::string& socket_path,
                                               Mounts mounts) {
  DS_ASSIGN_OR_RETURN(sys::UniqueFd listener,
                      sys::ListenSeqpacket(socket_path));
  sys::UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return sys::ErrnoError(errno, "make an eventfd");
  return std::unique_ptr<Server>(
      new Server(std::move(listener), std::move(wake), std::move(mounts)));
}

Status Server::Run(std::stop_token stop) {
  const std::stop_callback on_stop(stop,
                                   [this] { ::eventfd_write(wake_.get(), 1); });
  while (!stop.stop_requested()) {
    std::vector<pollfd> entries = {{wake_.get(), POLLIN, 0},
                                   {listener_.get(), POLLIN, 0}};
    // At the limit a new peer waits in the backlog until one leaves.
    if (connections_.size() >= kConnectionsMax) entries[1].fd = -1;
    for (const sys::UniqueFd& connection : connections_) {
      entries.push_back({connection.get(), POLLIN, 0});
    }
    const int ready = ::poll(entries.data(), entries.size(), kSweepIntervalMs);
    if (ready < 0 && errno != EINTR) return sys::ErrnoError(errno, "poll");
    if (ready == 0) mounts_.ForgetEnded();
    if (ready <= 0) continue;
    for (std::size_t i = 2; i < entries.size(); ++i) {
      sys::UniqueFd& connection = connections_[i - 2];
      if (entries[i].revents != 0 && !ServeOne(connection)) connection.Reset();
    }
    std::erase_if(connections_, [](const auto& fd) { return !fd; });
    if (entries[1].revents != 0) Accept();
  }
  return OkStatus();
}

void Server::Accept() {
  Result<sys::UniqueFd> connection = sys::AcceptConnection(listener_);
  if (!connection.ok()) return;  // The peer has left again.
  const Result<uid_t> uid = sys::PeerUid(*connection);
  if (!uid.ok() || *uid != ::geteuid()) {
    log::Warn("refused a peer of another user",
              {{"uid", uid.ok() ? std::to_string(*uid) : "unknown"}});
    return;
  }
  connections_.push_back(*std::move(connection));
}

// @return false if the connection is to be closed.
bool Server::ServeOne(const sys::UniqueFd& connection) {
  const Deadline now = Deadline::After(Duration::zero());
  std::array<std::byte, kRequestBytes> buffer;
  Result<sys::ReceivedMessage> message =
      sys::ReceiveMessage(connection, buffer, now);
  if (!message.ok()) {
    log::Warn("lost a peer", {{"error", message.error().message}});
    return false;
  }
  if (message->bytes == 0) return false;
  Answer answer;
  const Result<Request> request =
      ParseRequest(std::span(buffer).first(message->bytes));
  if (request.ok()) {
    answer = Handle(*request, std::move(message->fds));
  } else {
    log::Warn("refused a message", {{"error", request.error().message}});
    answer.reply.error = request.error();
  }
  // A peer that does not take its replies must not stop the others.
  const Status sent =
      sys::SendMessage(connection, EncodeReply(answer.reply), answer.fds, now);
  return sent.ok() && request.ok();
}

Server::Answer Server::Handle(const Request& request,
                              std::vector<sys::UniqueFd> fds) {
  Answer answer;
  answer.reply.id = request.id;
  const auto [at_least, at_most] = DescriptorsOf(request.operation);
  if (fds.size() < at_least || fds.size() > at_most) {
    answer.reply.error = Error{ErrorCode::kInvalidArgument,
                               "the request has a wrong number of descriptors"};
    return answer;
  }
  Status done = Perform(request, std::move(fds), answer);
  if (!done.ok()) answer.reply.error = std::move(done).error();
  return answer;
}

Status Server::Perform(const Request& request, std::vector<sys::UniqueFd> fds,
                       Answer& answer) {
  switch (request.operation) {
    case Operation::kHello:
      return OkStatus();
    case Operation::kNextMount: {
      const KeptMount* const next = mounts_.Next(request.target);
      if (next == nullptr) {
        return Error{ErrorCode::kNotFound, "no further mount is kept"};
      }
      answer.reply.volume_id = next->spec.volume_id;
      answer.reply.location_id = next->spec.location_id;
      answer.reply.target = next->spec.target;
      answer.reply.read_only = next->spec.read_only;
      answer.fds.push_back(next->fuse_fd.get());
      answer.reply.has_state = static_cast<bool>(next->state_fd);
      if (next->state_fd) answer.fds.push_back(next->state_fd.get());
      return OkStatus();
    }
    case Operation::kAdoptMount:
      fds.resize(2);
      return mounts_.Adopt(SpecOf(request), std::move(fds[0]),
                           std::move(fds[1]));
    case Operation::kMountFuse: {
      DS_ASSIGN_OR_RETURN(FuseConnection made,
                          mounts_.MountFuse(SpecOf(request)));
      answer.reply.is_new = made.is_new;
      answer.fds.push_back(made.fd.get());
      answer.owned.push_back(std::move(made.fd));
      return OkStatus();
    }
    case Operation::kSetReadahead:
      return mounts_.SetReadahead(request.target, request.readahead_kib);
    case Operation::kBind:
      return mounts_.Bind(request.source, request.target, request.read_only);
    case Operation::kUnmount:
      return mounts_.Unmount(request.target, request.detach);
    case Operation::kPutState:
      return mounts_.PutState(request.target, std::move(fds[0]));
    case Operation::kOpenBacking: {
      DS_ASSIGN_OR_RETURN(
          answer.reply.backing_id,
          mounts_.OpenBacking(request.target, request.source, request.inode));
      return OkStatus();
    }
    case Operation::kCloseBacking:
      return mounts_.CloseBacking(request.target, request.backing_id);
    case Operation::kMakeDirectory:
      return mounts_.MakeDirectory(request.target);
    case Operation::kRemoveDirectory:
      return mounts_.RemoveDirectory(request.target);
  }
  return Error{ErrorCode::kUnimplemented, "unknown operation"};
}

}  // namespace datashim::keeper
