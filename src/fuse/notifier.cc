#include "fuse/notifier.h"

#include <array>
#include <span>
#include <utility>

#include "base/thread_pool.h"
#include "fuse/protocol.h"

namespace datashim::fuse {

Notifier::Notifier(std::shared_ptr<const Channel> channel)
    : channel_(std::move(channel)), thread_([this] { Run(); }) {}

Notifier::~Notifier() { Stop(); }

void Notifier::InvalidateInode(fs::InodeId inode) { Push({inode, {}}); }

void Notifier::InvalidateEntry(fs::InodeId parent, std::string_view name) {
  Push({parent, std::string(name)});
}

void Notifier::Push(Invalidation invalidation) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [&] { return stopping_ || queue_.size() < kNotificationsMax; });
  if (stopping_) return;
  queue_.push_back(std::move(invalidation));
  changed_.notify_all();
}

void Notifier::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Notifier::Run() {
  SetThreadName("fuse/notify");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const Invalidation next = std::move(queue_.front());
    queue_.pop_front();
    changed_.notify_all();
    lock.unlock();
    Send(next);
    lock.lock();
  }
}

// The answer does not matter: ENOENT says that the kernel knew nothing of it,
// any other that the mount is gone.
void Notifier::Send(const Invalidation& invalidation) const {
  if (invalidation.name.empty()) {
    // Length 0: attributes, and all pages from the offset on.
    const wire::NotifyInvalInode body{invalidation.inode, 0, 0};
    const std::array pieces{std::as_bytes(std::span(&body, 1))};
    channel_->Notify(wire::kNotifyInvalInode, pieces);
    return;
  }
  const std::string& name = invalidation.name;
  const wire::NotifyInvalEntry body{invalidation.inode,
                                    static_cast<std::uint32_t>(name.size()), 0};
  const std::array pieces{
      std::as_bytes(std::span(&body, 1)),
      std::as_bytes(std::span(name.c_str(), name.size() + 1))};
  channel_->Notify(wire::kNotifyInvalEntry, pieces);
}

}  // namespace datashim::fuse
