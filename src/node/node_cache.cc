#include "node/node_cache.h"

#include <utility>

#include "base/log.h"

namespace datashim::node {

NodeCache::NodeCache(CacheSettings settings) : settings_(std::move(settings)) {
  static_cast<void>(Get());
}

std::shared_ptr<cache::Cache> NodeCache::Get() {
  const std::lock_guard lock(mutex_);
  if (cache_) return cache_;
  auto opened = OpenCache(settings_);
  if (opened.ok()) {
    cache_ = *std::move(opened);
    open_failure_.reset();
    return cache_;
  }
  if (!open_failure_ || open_failure_->message != opened.error().message) {
    log::Error("there is no cache; files are read from their buckets",
               {{"error", opened.error().message}});
  }
  open_failure_ = std::move(opened).error();
  return nullptr;
}

std::optional<Error> NodeCache::failure() const {
  const std::lock_guard lock(mutex_);
  return cache_ ? cache_->failure() : open_failure_;
}

}  // namespace datashim::node
