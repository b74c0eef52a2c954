#include "fuse/session.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/thread_pool.h"
#include "fuse/channel.h"
#include "fuse/decode.h"
#include "fuse/dispatcher.h"
#include "fuse/negotiate.h"
#include "fuse/notifier.h"
#include "sys/errno_error.h"

namespace datashim::fuse {
namespace {

// A request is at most its data, which INIT bounds, and a page of headers and
// names.
constexpr std::size_t kBufferBytes = kRequestBytesMax + 4096;

// Ends a read(2) of /dev/fuse that waits. Ignored by default, so that a late
// one does no harm; the Go runtime uses it for the same reason.
constexpr int kWakeSignal = SIGURG;
constexpr std::chrono::milliseconds kWakeInterval{10};

void InstallWakeSignal() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};  // Without SA_RESTART: read ends with EINTR.
  ::sigaction(kWakeSignal, &action, nullptr);
}

void UnblockWakeSignal() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, kWakeSignal);
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

/// Page aligned, untouched until a request fills it.
class RequestBuffer {
 public:
  RequestBuffer()
      : bytes_(
            static_cast<std::byte*>(std::aligned_alloc(4096, kBufferBytes))) {
    DS_CHECK(bytes_ != nullptr);
  }
  RequestBuffer(const RequestBuffer&) = delete;
  RequestBuffer& operator=(const RequestBuffer&) = delete;
  ~RequestBuffer() { std::free(bytes_); }

  std::span<std::byte> bytes() { return {bytes_, kBufferBytes}; }

 private:
  std::byte* const bytes_;
};

/// Does not keep the descriptor open: that would keep the mount alive.
class DeviceBackingFiles final : public fs::BackingFiles {
 public:
  explicit DeviceBackingFiles(std::weak_ptr<Channel> channel)
      : channel_(std::move(channel)) {}
  Result<std::int32_t> Register(const fs::BackingFile& file) override {
    const auto channel = channel_.lock();
    if (channel) return channel->OpenBacking(file.fd);
    return Error{ErrorCode::kUnavailable, "the mount is gone"};
  }
  void Unregister(std::int32_t id) override {
    if (const auto channel = channel_.lock()) channel->CloseBacking(id);
  }

 private:
  const std::weak_ptr<Channel> channel_;
};

}  // namespace

class Session::Impl {
 public:
  Impl(sys::UniqueFd device, fs::FileSystem& file_system,
       const SessionOptions& options)
      : options_(options),
        file_system_(file_system),
        dispatcher_(file_system),
        channel_(std::make_shared<Channel>(std::move(device))) {}

  Status Start(Deadline deadline);
  bool WaitForEnd(Deadline deadline, std::stop_token stop);
  bool serving() const;
  void Stop();
  Status ProbePassthrough(const fs::BackingFile& file) const;
  /// Null before Start and after Stop.
  std::shared_ptr<Notifier> notifier() const;

 private:
  enum class State { kNew, kServing, kEnded };

  Status AnswerInit(Deadline deadline);
  Result<bool> AnswerOneInit(std::span<std::byte> buffer);

  struct Worker {
    std::thread thread;
    bool waiting = true;  // For a request, or about to.
  };
  void StartWorkerLocked();
  void Run(std::list<Worker>::iterator self);
  void ServeRequests(Worker& self, const std::shared_ptr<Channel>& channel);
  /// @return false when the worker shall end.
  bool BeginWait(Worker& self);
  void EndWait(Worker& self, bool got_request);
  void HandleReceiveError(int error);

  const SessionOptions options_;
  fs::FileSystem& file_system_;
  Dispatcher dispatcher_;
  std::mutex stop_mutex_;  // One Stop at a time.

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  // All below are guarded by mutex_.
  std::shared_ptr<Channel> channel_;
  std::shared_ptr<Notifier> notifier_;
  std::shared_ptr<fs::BackingFiles> backing_files_;  // If agreed on.
  State state_ = State::kNew;
  std::list<Worker> workers_;
  std::list<Worker> retired_;  // Have ended, or are about to.
  std::size_t waiting_ = 0;    // Workers that wait.
  std::size_t workers_started_ = 0;
};

Status Session::Impl::Start(Deadline deadline) {
  static std::once_flag once;
  std::call_once(once, InstallWakeSignal);
  DS_RETURN_IF_ERROR(channel_->SetBlocking());
  DS_RETURN_IF_ERROR(AnswerInit(deadline));
  const std::lock_guard lock(mutex_);
  DS_CHECK(state_ == State::kNew);
  state_ = State::kServing;
  notifier_ = std::make_shared<Notifier>(channel_);
  file_system_.UseBackingFiles(backing_files_);
  StartWorkerLocked();
  return OkStatus();
}

Status Session::Impl::AnswerInit(Deadline deadline) {
  RequestBuffer buffer;
  for (;;) {
    if (!channel_->WaitReadable(deadline)) {
      return Error{ErrorCode::kDeadlineExceeded,
                   "the kernel has not sent FUSE_INIT"};
    }
    DS_ASSIGN_OR_RETURN(const bool agreed, AnswerOneInit(buffer.bytes()));
    if (agreed) return OkStatus();
  }
}

/// @return false if the kernel has to send another.
Result<bool> Session::Impl::AnswerOneInit(std::span<std::byte> buffer) {
  const std::int64_t bytes = channel_->Receive(buffer);
  if (bytes == -EINTR) return false;
  if (bytes < 0) {
    return Error{
        ErrorCode::kUnavailable,
        sys::ErrnoError(static_cast<int>(-bytes), "read FUSE_INIT").message};
  }
  DS_ASSIGN_OR_RETURN(
      const Request request,
      DecodeRequest(buffer.first(static_cast<std::size_t>(bytes))));
  const auto* init = std::get_if<request::Init>(&request.body);
  if (init == nullptr) {
    return Error{ErrorCode::kFailedPrecondition,
                 "the first FUSE request is not INIT: another process has "
                 "served this mount"};
  }
  const auto page_bytes = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
  const auto out = Negotiate(*init, options_.background_requests_max,
                             page_bytes, options_.passthrough);
  if (!out.ok()) {
    channel_->Reply(request.unique, EPROTO);
    return out.error();
  }
  const std::array pieces{std::as_bytes(std::span(&*out, 1))};
  if (const int error = channel_->Reply(request.unique, 0, pieces)) {
    return Error{ErrorCode::kUnavailable,
                 sys::ErrnoError(error, "answer FUSE_INIT").message};
  }
  log::Debug("negotiated FUSE", {{"minor", std::to_string(out->minor)},
                                 {"flags", std::to_string(out->flags)},
                                 {"flags2", std::to_string(out->flags2)}});
  if (AgreesOnPassthrough(*out)) {
    backing_files_ = options_.backing_files;
    if (!backing_files_) {
      backing_files_ = std::make_shared<DeviceBackingFiles>(channel_);
    }
  }
  return init->major == wire::kMajor;
}

void Session::Impl::StartWorkerLocked() {
  for (auto& worker : retired_) worker.thread.join();
  retired_.clear();
  ++waiting_;
  const auto self = workers_.emplace(workers_.end());
  self->thread = std::thread([this, self] { Run(self); });
}

void Session::Impl::Run(std::list<Worker>::iterator self) {
  UnblockWakeSignal();
  std::shared_ptr<Channel> channel;
  {
    const std::lock_guard lock(mutex_);
    SetThreadName("fuse/" + std::to_string(workers_started_++));
    channel = channel_;
  }
  if (options_.clone_device) {
    // Not allowed everywhere, and only faster: the shared descriptor will do.
    if (auto clone = channel->Clone(); clone.ok()) channel = *std::move(clone);
  }
  ServeRequests(*self, channel);
  const std::lock_guard lock(mutex_);
  retired_.splice(retired_.end(), workers_, self);
  changed_.notify_all();
}

void Session::Impl::ServeRequests(Worker& self,
                                  const std::shared_ptr<Channel>& channel) {
  RequestBuffer buffer;
  do {
    const std::int64_t received = channel->Receive(buffer.bytes());
    EndWait(self, received >= 0);
    if (received < 0) {
      HandleReceiveError(static_cast<int>(-received));
      continue;
    }
    const auto bytes = buffer.bytes().first(static_cast<std::size_t>(received));
    const auto request = DecodeRequest(bytes);
    if (request.ok()) {
      dispatcher_.Dispatch(*request, channel);
      continue;
    }
    log::Error("malformed FUSE request", {{"error", request.error().message}});
    if (const auto unique = UniqueToAnswer(bytes)) {
      channel->Reply(*unique, EINVAL);
    }
  } while (BeginWait(self));
}

bool Session::Impl::BeginWait(Worker& self) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kServing) return false;
  if (waiting_ >= options_.threads_idle_max) return false;
  ++waiting_;
  self.waiting = true;
  return true;
}

void Session::Impl::EndWait(Worker& self, bool got_request) {
  const std::lock_guard lock(mutex_);
  --waiting_;
  self.waiting = false;
  // Somebody has to wait while this one is busy.
  if (got_request && waiting_ == 0 && state_ == State::kServing &&
      workers_.size() < options_.threads_max) {
    StartWorkerLocked();
  }
}

void Session::Impl::HandleReceiveError(int error) {
  // ENOENT: the request was withdrawn while it was read.
  if (error == EINTR || error == ENOENT || error == EAGAIN) return;
  if (error != ENODEV && error != ECONNABORTED) {
    log::Error("cannot read FUSE requests",
               {{"error", sys::ErrnoError(error, "read").message}});
  }
  const std::lock_guard lock(mutex_);
  state_ = State::kEnded;
  changed_.notify_all();
}

bool Session::Impl::WaitForEnd(Deadline deadline, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, std::move(stop), deadline.time(),
                             [&] { return state_ == State::kEnded; });
}

bool Session::Impl::serving() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kServing;
}

std::shared_ptr<Notifier> Session::Impl::notifier() const {
  const std::lock_guard lock(mutex_);
  return notifier_;
}

Status Session::Impl::ProbePassthrough(const fs::BackingFile& file) const {
  std::shared_ptr<fs::BackingFiles> files;
  {
    const std::lock_guard lock(mutex_);
    files = backing_files_;
  }
  if (!files) {
    return Error{ErrorCode::kUnimplemented,
                 "the kernel has no FUSE passthrough (Linux 6.9 with "
                 "CONFIG_FUSE_PASSTHROUGH has)"};
  }
  DS_ASSIGN_OR_RETURN(const std::int32_t id, files->Register(file));
  files->Unregister(id);
  return OkStatus();
}

void Session::Impl::Stop() {
  const std::lock_guard one_at_a_time(stop_mutex_);
  // First, because what it does may need an answer of ours.
  if (const auto notifier = this->notifier()) notifier->Stop();
  std::unique_lock lock(mutex_);
  state_ = State::kEnded;
  notifier_.reset();
  changed_.notify_all();
  while (!workers_.empty()) {
    // Again and again, for one that was about to wait.
    for (auto& worker : workers_) {
      if (worker.waiting) {
        ::pthread_kill(worker.thread.native_handle(), kWakeSignal);
      }
    }
    changed_.wait_for(lock, kWakeInterval);
  }
  for (auto& worker : retired_) worker.thread.join();
  retired_.clear();
  dispatcher_.DropPending();
  file_system_.UseBackingFiles(nullptr);
  channel_.reset();
}

Session::Session(sys::UniqueFd device, fs::FileSystem& file_system,
                 const SessionOptions& options)
    : impl_(std::make_unique<Impl>(std::move(device), file_system, options)) {}

Session::~Session() { Stop(); }

Status Session::Start(Deadline deadline) { return impl_->Start(deadline); }

bool Session::WaitForEnd(Deadline deadline, std::stop_token stop) {
  return impl_->WaitForEnd(deadline, std::move(stop));
}

bool Session::serving() const { return impl_->serving(); }

void Session::Stop() { impl_->Stop(); }

Status Session::ProbePassthrough(const fs::BackingFile& file) const {
  return impl_->ProbePassthrough(file);
}

void Session::InvalidateInode(fs::InodeId inode) {
  if (const auto notifier = impl_->notifier()) notifier->InvalidateInode(inode);
}

void Session::InvalidateEntry(fs::InodeId parent, std::string_view name) {
  if (const auto notifier = impl_->notifier()) {
    notifier->InvalidateEntry(parent, name);
  }
}

}  // namespace datashim::fuse
