// Channel: one descriptor of /dev/fuse, on which requests come and replies go.
// Understands neither.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sys/unique_fd.h"

namespace datashim::fuse {

/// Thread-safe. A reply must go to the channel its request came from; whoever
/// owes one shares the channel, because closing it fails its requests.
class Channel {
 public:
  explicit Channel(sys::UniqueFd device) : device_(std::move(device)) {}

  /// A second channel of the same mount, with its own queue of unanswered
  /// requests. Needs /dev/fuse.
  Result<std::shared_ptr<Channel>> Clone() const;

  /// Hands a local file to the kernel, which may read it instead of asking us.
  /// @return its number in open replies, > 0. kPermissionDenied without
  ///     CAP_SYS_ADMIN.
  Result<std::int32_t> OpenBacking(int fd) const;
  void CloseBacking(std::int32_t id) const;

  /// Makes Receive wait, whoever opened the descriptor.
  Status SetBlocking() const;

  /// Waits until a request is there, or the mount is gone.
  /// @return false if neither happened until the deadline.
  bool WaitReadable(Deadline deadline) const;

  /// Waits for one whole request. @return its bytes, or a negative errno:
  /// -EINTR on a signal, -ENODEV when the mount is gone.
  std::int64_t Receive(std::span<std::byte> buffer) const;

  /// Answers request `unique` with success and `pieces`, or with `error` (a
  /// positive errno) and nothing. @return 0 or an errno: ENOENT when nobody
  /// waits for the answer any more.
  int Reply(std::uint64_t unique, int error,
            std::span<const std::span<const std::byte>> pieces = {}) const;

  /// Sends notification `code`. @return 0 or an errno: ENOENT when the kernel
  /// does not know the inode or name.
  int Notify(std::int32_t code,
             std::span<const std::span<const std::byte>> pieces) const;

 private:
  const sys::UniqueFd device_;
};

}  // namespace datashim::fuse
