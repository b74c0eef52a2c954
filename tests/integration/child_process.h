// ChildProcess: a program that a test starts and that does not outlive it.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace datashim::integration {

/// Thread-compatible. Start it on a thread that lives as long: the kernel kills
/// the child when that thread ends.
class ChildProcess {
 public:
  /// Runs `arguments` (the first is the program's path) with both outputs in
  /// `log_file`, which is made or appended to.
  static Result<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& arguments, const std::string& log_file);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  /// Kill().
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  /// SIGKILL, and waits for the end. Idempotent.
  void Kill();
  /// SIGTERM, and waits that long. @return false if it still runs.
  bool Terminate(std::chrono::seconds timeout);
  bool IsRunning();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  const pid_t pid_;
  bool ended_ = false;
};

/// A TCP port on 127.0.0.1 that is this process's for as long as it lives: a
/// child that binds with SO_REUSEPORT can have it, nobody else.
class ReservedPort {
 public:
  ReservedPort();
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;
  ~ReservedPort();
  std::uint16_t port() const { return port_; }

 private:
  int socket_;
  std::uint16_t port_ = 0;
};

/// The path of a program that the development cluster builds, such as "etcd".
Result<std::string> ClusterProgram(const std::string& name);

/// The last lines of a file, for messages.
std::string TailOf(const std::string& file);

}  // namespace datashim::integration
