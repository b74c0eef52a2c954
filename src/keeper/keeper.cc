#include "keeper/keeper.h"

#include <linux/capability.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/result.h"
#include "keeper/cache_tree.h"
#include "keeper/server.h"
#include "sys/fuse_backing.h"
#include "sys/privileges.h"
#include "sys/signals.h"

namespace datashim::keeper {
namespace {

constexpr std::array kKeptCapabilities = {CAP_SYS_ADMIN};

// What the loop of the server needs once it listens: no socket, no exec, no
// process, no ptrace, no bpf, no old mount(2). The second half is what the C
// and C++ runtime (and the sanitizers') call.
// ioctl(2) with the commands below only.
constexpr std::array<const char*, 56> kSystemCalls = {
    "accept4", "close", "eventfd2", "fcntl", "fsconfig", "fsmount", "fsopen",
    "fstat", "getsockopt", "geteuid", "mkdirat", "mount_setattr", "move_mount",
    "newfstatat", "open_tree", "openat", "openat2", "poll", "ppoll", "read",
    "recvmsg", "sendmsg", "statx", "umount2", "unlinkat", "write", "writev",
    // The runtime's.
    "brk", "clock_gettime", "clock_nanosleep", "exit", "exit_group", "futex",
    "getpid", "getrandom", "gettid", "gettimeofday", "lseek", "madvise", "mmap",
    "mprotect", "mremap", "munmap", "prlimit64", "readlink", "restart_syscall",
    "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "sched_getaffinity", "sched_yield", "set_robust_list", "sigaltstack",
    "tgkill", "time"};

// A disk that is broken costs speed: mounts are made without it, too.
std::optional<CacheTree> OpenCache(const std::string& cache_dir) {
  if (cache_dir.empty()) return std::nullopt;
  Result<CacheTree> cache = CacheTree::Open(cache_dir);
  if (cache.ok()) return *std::move(cache);
  log::Warn("no cache directory: the kernel reads no copies by itself",
            {{"error", cache.error().message}});
  return std::nullopt;
}

Status Serve(const KeeperOptions& options) {
  // Before there is a second thread: capabilities are a thread's own.
  DS_RETURN_IF_ERROR(sys::DropPrivileges(kKeptCapabilities));
  DS_ASSIGN_OR_RETURN(const std::unique_ptr<sys::SignalStop> signals,
                      sys::StopOnSignals());
  DS_ASSIGN_OR_RETURN(KubeletTree tree, KubeletTree::Open(options.kubelet_dir));
  DS_ASSIGN_OR_RETURN(
      const std::unique_ptr<Server> server,
      Server::Listen(options.socket_path,
                     Mounts(std::move(tree), options.fuse_device_path,
                            OpenCache(options.cache_dir))));
  const std::array ioctls = {sys::kFuseBackingOpen, sys::kFuseBackingClose};
  DS_RETURN_IF_ERROR(sys::AllowSystemCalls(kSystemCalls, ioctls));
  log::Info("the keeper serves", {{"socket", options.socket_path},
                                  {"kubelet_dir", options.kubelet_dir}});
  return server->Run(signals->token());
}

}  // namespace

int RunKeeper(const KeeperOptions& options) {
  const Status served = Serve(options);
  if (served.ok()) return 0;
  log::Error("the keeper ends", {{"error", served.error().message}});
  return 1;
}

}  // namespace datashim::keeper
