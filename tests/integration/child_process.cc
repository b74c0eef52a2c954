#include "child_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "base/check.h"
#include "base/strings.h"

namespace datashim::integration {
namespace {

constexpr std::streamoff kTailBytes = 3000;

[[noreturn]] void RunChild(char* const* arguments, const char* log_file) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int log = open(log_file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execv(arguments[0], arguments);
  _exit(127);
}

}  // namespace

Result<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& arguments, const std::string& log_file) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) {
    pointers.push_back(const_cast<char*>(argument.c_str()));
  }
  pointers.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return Error{ErrorCode::kInternal, "fork failed"};
  if (pid == 0) RunChild(pointers.data(), log_file.c_str());
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid));
}

ChildProcess::~ChildProcess() { Kill(); }

void ChildProcess::Kill() {
  if (ended_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  ended_ = true;
}

bool ChildProcess::Terminate(std::chrono::seconds timeout) {
  if (ended_) return true;
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  DS_CHECK(fd >= 0);
  kill(pid_, SIGTERM);
  pollfd ended = {.fd = fd, .events = POLLIN, .revents = 0};
  poll(&ended, 1, static_cast<int>(timeout.count() * 1000));
  close(fd);
  return !IsRunning();
}

bool ChildProcess::IsRunning() {
  if (!ended_) ended_ = waitpid(pid_, nullptr, WNOHANG) == pid_;
  return !ended_;
}

ReservedPort::ReservedPort()
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  DS_CHECK(setsockopt(socket_, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  DS_CHECK(bind(socket_, generic, size) == 0);
  DS_CHECK(getsockname(socket_, generic, &size) == 0);
  port_ = ntohs(address.sin_port);
}

ReservedPort::~ReservedPort() { close(socket_); }

Result<std::string> ClusterProgram(const std::string& name) {
  const std::string command =
      std::string(DATASHIM_DEVCLUSTER) + " bin '" + name + "'";
  std::FILE* const output = popen(command.c_str(), "r");
  if (output == nullptr) return Error{ErrorCode::kInternal, "popen failed"};
  std::string text;
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), output) != nullptr) text += buffer;
  if (pclose(output) != 0) {
    return Error{ErrorCode::kUnavailable, "'" + command + "' failed"};
  }
  return std::string(TrimSpace(text));
}

std::string TailOf(const std::string& file) {
  std::ifstream stream(file, std::ios::ate);
  const std::streamoff size = stream.tellg();
  stream.seekg(size > kTailBytes ? size - kTailBytes : 0);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

}  // namespace datashim::integration
