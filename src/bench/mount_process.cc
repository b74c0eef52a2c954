#include "bench/mount_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <utility>
#include <vector>

#include "sys/errno_error.h"
#include "sys/small_file.h"
#include "sys/unique_fd.h"

namespace datashim::bench {
namespace {

constexpr std::size_t kProcFileBytesMax = 64u << 10;

std::vector<std::string> ArgumentsOf(const node::BucketOptions& bucket,
                                     const std::string& directory) {
  std::vector<std::string> arguments{"datashim", "mount", bucket.source,
                                     directory, "--read-only"};
  const auto add = [&](const char* name, const std::string& value) {
    if (value.empty()) return;
    arguments.emplace_back(name);
    arguments.push_back(value);
  };
  add("--endpoint-url", bucket.endpoint_url);
  add("--region", bucket.region);
  add("--ca-bundle", bucket.ca_bundle_path);
  if (bucket.virtual_host_style) arguments.emplace_back("--virtual-host-style");
  if (bucket.no_sign_request) arguments.emplace_back("--no-sign-request");
  return arguments;
}

// Its stdout goes to `output`.
Result<pid_t> Spawn(const std::vector<std::string>& arguments,
                    const sys::UniqueFd& output) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr,
                                  argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return sys::ErrnoError(error, "start datashim mount");
  return pid;
}

}  // namespace

Result<std::unique_ptr<MountProcess>> MountProcess::Start(
    const node::BucketOptions& bucket) {
  std::string place = "/tmp/datashim-bench-XXXXXX";
  if (::mkdtemp(place.data()) == nullptr) {
    return sys::ErrnoError(errno, "make a directory below /tmp");
  }
  std::unique_ptr<MountProcess> mount(new MountProcess(place));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return sys::ErrnoError(errno, "pipe");
  const sys::UniqueFd from(ends[0]);
  sys::UniqueFd to(ends[1]);
  DS_ASSIGN_OR_RETURN(mount->pid_, Spawn(ArgumentsOf(bucket, place), to));
  to.Reset();
  // It says "mounted …", or ends.
  char first = 0;
  ssize_t got = -1;
  do {
    got = ::read(from.get(), &first, 1);
  } while (got < 0 && errno == EINTR);
  if (got == 1) return mount;
  return Error{ErrorCode::kUnavailable, "datashim mount did not come up"};
}

MountProcess::~MountProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::rmdir(directory_.c_str());
}

double MountProcess::cpu_seconds() const {
  const auto text = sys::ReadFile("/proc/" + std::to_string(pid_) + "/stat",
                                  kProcFileBytesMax);
  if (!text.ok()) return 0;
  // Behind the name in parentheses: field 3 is first, 14 and 15 are wanted.
  std::istringstream fields(text->substr(text->rfind(')') + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double MountProcess::peak_rss_mib() const {
  const auto text = sys::ReadFile("/proc/" + std::to_string(pid_) + "/status",
                                  kProcFileBytesMax);
  if (!text.ok()) return 0;
  const std::size_t at = text->find("VmHWM:");
  if (at == text->npos) return 0;
  return std::strtod(text->c_str() + at + 6, nullptr) / 1024;
}

}  // namespace datashim::bench
