// How long one HTTP call may wait, and what ends the wait early. Internal to
// net.

#pragma once

#include <optional>
#include <stop_token>

#include "base/clock.h"
#include "base/result.h"

namespace datashim::net {

/// A file descriptor that closes itself. Move-only.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.fd_) {
    other.fd_ = -1;
  }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor();

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// A stop that both condition variables (token) and poll(2) (fd) see.
/// Thread-safe.
class Interrupt {
 public:
  Interrupt();
  void Request();

  std::stop_token token() const { return stop_.get_token(); }
  bool requested() const { return stop_.stop_requested(); }
  /// Readable once requested.
  int fd() const { return event_.get(); }

 private:
  std::stop_source stop_;
  FileDescriptor event_;
};

/// Passed down by reference through one call.
struct WaitLimits {
  Deadline deadline = Deadline::Never();
  std::optional<Duration> silence;  ///< Of one wait.
  const Interrupt* interrupt = nullptr;
};

/// Waits until poll(2) reports one of `events`, an error or a hang-up.
/// @return the revents; kDeadlineExceeded, kCancelled; kAborted for a silence,
///     which HttpClient makes kUnavailable.
Result<short> WaitReady(int fd, short events, const WaitLimits& limits);

}  // namespace datashim::net
