// CacheSettings: what `datashim mount` and `datashim node` are told about
// copies on the local disk, and how the cache of it is opened.

#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "base/result.h"
#include "cache/cache.h"
#include "node/bucket_server.h"

namespace datashim::node {

/// How files that have a copy on the local disk are read.
enum class ReadMode {
  kAuto,         ///< Passthrough where it works, else the page cache.
  kPassthrough,  ///< The kernel reads the copy by itself; or no mount.
  kPageCache,    ///< The kernel asks for the pages it does not have.
};

/// Where copies are kept, and how they are read.
struct CacheSettings {
  std::string directory = {};  ///< Empty: no copies.
  /// The least of the three limits counts.
  std::uint64_t bytes_max = std::numeric_limits<std::uint64_t>::max();
  std::uint32_t disk_percent_max = 100;
  std::uint32_t disk_free_percent_min = 15;
  ReadMode read_mode = ReadMode::kAuto;

  bool passthrough() const {
    return !directory.empty() && read_mode != ReadMode::kPageCache;
  }
};

/// Makes the directory if it is missing: who names a place for a cache wants
/// one. @return nullptr if no directory is named; errors of Cache::Open, and
///     kInvalidArgument for settings that contradict each other.
Result<std::shared_ptr<cache::Cache>> OpenCache(const CacheSettings& settings);

/// That the kernel reads files of the cache by itself, if it has to.
/// REQUIRES: server.Serve was OK.
Status CheckReadMode(const CacheSettings& settings, const BucketServer& server);

}  // namespace datashim::node
