// Tests of signals.h and privileges.h: what they do is for the whole life of a
// process, so each runs in a child.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <functional>
#include <string>

#include "base/clock.h"
#include "sys/privileges.h"
#include "sys/signals.h"
#include "sys/small_file.h"

namespace datashim::sys {
namespace {

// The status of a child that runs `body` and exits with what it returns.
int RunInChild(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

bool StatusHas(const std::string& line) {
  const auto status = ReadFile("/proc/self/status", 65536);
  return status.ok() && status->find("\n" + line + "\n") != std::string::npos;
}

// Waits for the token, not for the time.
bool Stops(const std::stop_token& token) {
  return !SystemClock().SleepFor(std::chrono::seconds(10), token);
}

TEST(SignalStopTest, FirstSignalRequestsTheStop) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const int status = RunInChild([signal] {
      const auto stop = StopOnSignals().value();
      if (stop->token().stop_requested()) return 1;
      ::kill(::getpid(), signal);
      return Stops(stop->token()) ? 0 : 2;
    });
    EXPECT_EQ(status, 0) << signal;
  }
}

TEST(SignalStopTest, SecondSignalEndsTheProcess) {
  const int status = RunInChild([] {
    const auto stop = StopOnSignals().value();
    ::kill(::getpid(), SIGTERM);
    if (!Stops(stop->token())) return 1;
    ::kill(::getpid(), SIGTERM);
    for (;;) ::pause();
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGTERM);
}

TEST(SignalStopTest, EndsWithoutASignal) {
  EXPECT_EQ(RunInChild([] {
              static_cast<void>(StopOnSignals().value());
              return 0;
            }),
            0);
}

TEST(PrivilegesTest, KeepsOnlyWhatIsNamed) {
  if (::geteuid() != 0) GTEST_SKIP() << "dropping capabilities needs some";
  const int status = RunInChild([] {
    const std::array kept = {CAP_SYS_ADMIN};
    if (!DropPrivileges(kept).ok()) return 1;
    for (const char* const set : {"CapPrm", "CapEff", "CapBnd"}) {
      if (!StatusHas(std::string(set) + ":\t0000000000200000")) return 2;
    }
    if (!StatusHas("CapInh:\t0000000000000000")) return 3;
    if (!StatusHas("CapAmb:\t0000000000000000")) return 4;
    if (!StatusHas("NoNewPrivs:\t1")) return 5;
    // What is gone does not come back.
    const std::array more = {CAP_SYS_ADMIN, CAP_NET_ADMIN};
    const Status regained = DropPrivileges(more);
    if (regained.ok()) return 6;
    return regained.error().code == ErrorCode::kPermissionDenied ? 0 : 7;
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(PrivilegesTest, DropsEverything) {
  const int status = RunInChild([] {
    if (!DropPrivileges({}).ok()) return 1;
    return StatusHas("CapEff:\t0000000000000000") ? 0 : 2;
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(PrivilegesTest, OtherSystemCallsFail) {
  const int status = RunInChild([] {
    if (!DropPrivileges({}).ok()) return 1;
    // sigaltstack is the sanitizers'.
    const std::array names = {"exit_group", "getpid", "mmap",
                              "munmap",     "brk",    "sigaltstack"};
    if (!AllowSystemCalls(names).ok()) return 2;
    if (::getpid() <= 0) return 3;
    if (::socket(AF_INET, SOCK_STREAM, 0) != -1 || errno != EPERM) return 4;
    if (::open("/dev/null", O_RDONLY) != -1 || errno != EPERM) return 5;
    return 0;
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(PrivilegesTest, OtherCommandsOfIoctlFail) {
  const int status = RunInChild([] {
    if (!DropPrivileges({}).ok()) return 1;
    const std::array names = {"exit_group", "mmap", "munmap", "brk",
                              "sigaltstack"};
    const std::array<unsigned long, 1> ioctls = {FIONREAD};
    if (!AllowSystemCalls(names, ioctls).ok()) return 2;
    int bytes = 0;
    if (::ioctl(-1, FIONREAD, &bytes) != -1 || errno != EBADF) return 3;
    if (::ioctl(-1, FIONBIO, &bytes) != -1 || errno != EPERM) return 4;
    return 0;
  });
  EXPECT_EQ(status, 0) << WEXITSTATUS(status);
}

TEST(PrivilegesTest, UnknownSystemCallIsAnError) {
  const int status = RunInChild([] {
    const std::array names = {"no_such_call"};
    return AllowSystemCalls(names).ok() ? 1 : 0;
  });
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace datashim::sys
