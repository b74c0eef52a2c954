// Session: serves one FUSE mount: reads the kernel's requests from /dev/fuse,
// asks a FileSystem and replies. Mounts and unmounts nothing.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "fs/backing_files.h"
#include "fs/file_system.h"
#include "sys/unique_fd.h"

namespace datashim::fuse {

/// Limits of one session.
struct SessionOptions {
  /// Threads that serve requests. One more is started whenever all of them are
  /// busy, so it bounds the calls of FileSystem that may block at once.
  std::size_t threads_max = 32;
  /// Threads that may wait for a request; one more than that ends. Each keeps
  /// a request buffer of 1 MiB.
  std::size_t threads_idle_max = 3;
  /// Asynchronous requests (readahead) that the kernel may have under way.
  std::uint16_t background_requests_max = 64;
  /// Every thread reads from a clone of the descriptor, with a request queue
  /// of its own. The kernel fails what a clone has read and not answered when
  /// its process dies, so leave it off where another process shall go on with
  /// the requests of a dead one.
  bool clone_device = false;
  /// The kernel shall read copies on the local disk by itself, if it can.
  bool passthrough = false;
  /// Who hands them to the kernel; nullptr: this process, which needs
  /// CAP_SYS_ADMIN.
  std::shared_ptr<fs::BackingFiles> backing_files;
};

/// Life: made, Start, (Wait), Stop. Thread-safe. As KernelCache it may be
/// called from any thread that answers no request; those calls queue at most
/// 1,024 invalidations and wait beyond that.
class Session final : public fs::KernelCache {
 public:
  /// `device` is /dev/fuse of a fresh mount. `file_system` outlives it.
  Session(sys::UniqueFd device, fs::FileSystem& file_system,
          const SessionOptions& options = {});
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// Stop().
  ~Session() override;

  /// Negotiates (FUSE_INIT) and starts to serve.
  /// @return kDeadlineExceeded when the kernel sent no INIT until then;
  ///     kUnimplemented for a kernel older than protocol 7.31 (Linux 5.4);
  ///     kUnavailable when the mount has gone.
  Status Start(Deadline deadline);

  /// Whether the kernel reads local files like this one by itself.
  /// @return kUnimplemented when that was not agreed on, and what the kernel
  ///     says of the file otherwise. REQUIRES: Start was OK.
  Status ProbePassthrough(const fs::BackingFile& file) const;

  /// Waits until the mount is gone (unmounted or aborted) or Stop was called.
  /// @return false if neither happened until the deadline or a request of
  ///     `stop`.
  bool WaitForEnd(Deadline deadline, std::stop_token stop = {});

  /// True from Start until the mount is gone or Stop.
  bool serving() const;

  /// Ends the threads and closes the descriptor; without another copy of it
  /// the kernel fails every later use of the mount with ENOTCONN. Waits for
  /// the calls of FileSystem that are under way, which have deadlines.
  /// Idempotent.
  void Stop();

  void InvalidateInode(fs::InodeId inode) override;
  void InvalidateEntry(fs::InodeId parent, std::string_view name) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace datashim::fuse
