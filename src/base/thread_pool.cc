#include "base/thread_pool.h"

#include <pthread.h>

#include <utility>

#include "base/check.h"

namespace datashim {

ThreadPool::ThreadPool(std::string name, std::size_t threads,
                       std::size_t queue_items_max)
    : queue_items_max_(queue_items_max) {
  DS_CHECK(threads > 0 && queue_items_max > 0);
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this, thread_name = name + "/" + std::to_string(i)] {
      SetThreadName(thread_name);
      Run();
    });
  }
}

ThreadPool::~ThreadPool() { Stop(); }

bool ThreadPool::Submit(std::function<void()> task) {
  {
    std::unique_lock lock(mutex_);
    space_.wait(
        lock, [this] { return stopping_ || queue_.size() < queue_items_max_; });
    if (stopping_) return false;
    queue_.push_back(std::move(task));
  }
  work_.notify_one();
  return true;
}

bool ThreadPool::TrySubmit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_items_max_) return false;
    queue_.push_back(std::move(task));
  }
  work_.notify_one();
  return true;
}

void ThreadPool::RequestStop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  space_.notify_all();
}

void ThreadPool::Stop() {
  RequestStop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void ThreadPool::Run() {
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    space_.notify_one();
    task();
  }
}

void SetThreadName(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace datashim
