#include "sys/signals.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/log.h"
#include "base/thread_pool.h"
#include "sys/errno_error.h"
#include "sys/unique_fd.h"

namespace datashim::sys {
namespace {

class SignalThread final : public SignalStop {
 public:
  SignalThread(UniqueFd signals, UniqueFd wake)
      : signals_(std::move(signals)), wake_(std::move(wake)) {
    thread_ = std::thread([this] { Run(); });
  }
  ~SignalThread() override {
    ::eventfd_write(wake_.get(), 1);
    thread_.join();
  }

  std::stop_token token() const override { return source_.get_token(); }

 private:
  void Run() {
    SetThreadName("signals");
    for (;;) {
      pollfd entries[] = {{signals_.get(), POLLIN, 0},
                          {wake_.get(), POLLIN, 0}};
      if (::poll(entries, 2, -1) < 0) continue;
      if (entries[1].revents != 0) return;
      signalfd_siginfo info = {};
      if (::read(signals_.get(), &info, sizeof(info)) != sizeof(info)) continue;
      if (source_.stop_requested()) {
        ::_exit(128 + static_cast<int>(info.ssi_signo));
      }
      log::Info("stopping on a signal",
                {{"signal", std::to_string(info.ssi_signo)}});
      source_.request_stop();
    }
  }

  const UniqueFd signals_;
  const UniqueFd wake_;
  std::stop_source source_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<SignalStop>> StopOnSignals() {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (const int failed = ::pthread_sigmask(SIG_BLOCK, &signals, nullptr)) {
    return ErrnoError(failed, "block signals");
  }
  UniqueFd signal_fd(::signalfd(-1, &signals, SFD_CLOEXEC));
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!signal_fd || !wake) return ErrnoError(errno, "wait for signals");
  return std::unique_ptr<SignalStop>(
      std::make_unique<SignalThread>(std::move(signal_fd), std::move(wake)));
}

}  // namespace datashim::sys
