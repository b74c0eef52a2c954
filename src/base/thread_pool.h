// ThreadPool: N named threads that run tasks from one bounded queue.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace datashim {

/// Thread-safe. Tasks must not throw. Tasks start in the order of Submit.
class ThreadPool {
 public:
  /// Starts `threads` threads named "<name>/<i>" (15 characters are shown by
  /// the kernel). `queue_items_max` bounds the tasks that wait.
  ThreadPool(std::string name, std::size_t threads,
             std::size_t queue_items_max);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  /// Stop().
  ~ThreadPool();

  /// Queues the task; waits while the queue is full. Do not call it from a
  /// task of the same pool when the queue may be full (use TrySubmit).
  /// @return false after RequestStop; the task is dropped.
  bool Submit(std::function<void()> task);
  /// @return false at once if the queue is full or the pool is stopping.
  bool TrySubmit(std::function<void()> task);

  /// Refuses new tasks; those queued still run.
  void RequestStop();
  /// RequestStop, then waits for the queued tasks. Idempotent.
  void Stop();

 private:
  void Run();

  const std::size_t queue_items_max_;
  std::mutex mutex_;
  std::condition_variable work_;             // A task came, or stop.
  std::condition_variable space_;            // A task left, or stop.
  std::deque<std::function<void()>> queue_;  // Guarded by mutex_.
  bool stopping_ = false;                    // Guarded by mutex_.
  std::vector<std::thread> threads_;
};

/// Names the calling thread, for `top -H` and debuggers.
void SetThreadName(const std::string& name);

}  // namespace datashim
