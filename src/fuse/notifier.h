// Notifier: tells the kernel what to forget, from a thread of its own. The
// kernel may take locks that a process holds which waits for a reply of ours,
// so a thread that serves requests must never do it.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "fs/file_system.h"
#include "fuse/channel.h"

namespace datashim::fuse {

/// Most invalidations that may wait.
inline constexpr std::size_t kNotificationsMax = 1024;

/// Thread-safe.
class Notifier {
 public:
  explicit Notifier(std::shared_ptr<const Channel> channel);
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;
  /// Stop().
  ~Notifier();

  /// Queue, in order; wait while the queue is full. Dropped after Stop.
  void InvalidateInode(fs::InodeId inode);
  void InvalidateEntry(fs::InodeId parent, std::string_view name);

  /// Sends none of those that wait; ends after the one under way, which needs
  /// the session to serve requests. Idempotent.
  void Stop();

 private:
  /// Of an inode when the name is empty, else of a name in the directory.
  struct Invalidation {
    fs::InodeId inode = 0;
    std::string name;
  };

  void Push(Invalidation invalidation);
  void Run();
  void Send(const Invalidation& invalidation) const;

  const std::shared_ptr<const Channel> channel_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Invalidation> queue_;  // Guarded by mutex_.
  bool stopping_ = false;           // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace datashim::fuse
