// NodeCache: the one cache of a node process. A disk that cannot be used costs
// speed, not the node.

#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "cache/cache.h"
#include "node/cache_settings.h"

namespace datashim::node {

/// Thread-safe.
class NodeCache {
 public:
  /// Opens it; what cannot be opened is said in the log and tried again later.
  explicit NodeCache(CacheSettings settings);

  const CacheSettings& settings() const { return settings_; }

  /// For a new mount; tries again to open what could not be opened. nullptr if
  /// there is none, or none that can be used now.
  std::shared_ptr<cache::Cache> Get();

  /// Why files are read without new copies; nullopt if all is well, or no cache
  /// is wanted.
  std::optional<Error> failure() const;

 private:
  const CacheSettings settings_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::shared_ptr<cache::Cache> cache_;
  std::optional<Error> open_failure_;
};

}  // namespace datashim::node
