#include "node/cache_settings.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "fs/backing_files.h"
#include "sys/errno_error.h"
#include "sys/unique_fd.h"

namespace datashim::node {

Result<std::shared_ptr<cache::Cache>> OpenCache(const CacheSettings& settings) {
  if (settings.directory.empty()) {
    if (settings.read_mode != ReadMode::kPassthrough) {
      return std::shared_ptr<cache::Cache>();
    }
    return Error{ErrorCode::kInvalidArgument,
                 "--read-mode passthrough needs --cache-dir"};
  }
  std::error_code failed;
  std::filesystem::create_directories(settings.directory, failed);
  if (failed) {
    return sys::ErrnoError(failed.value(),
                           "cache directory \"" + settings.directory + "\"");
  }
  cache::CacheOptions options;
  options.directory = settings.directory;
  options.limits.bytes_max = settings.bytes_max;
  options.limits.disk_percent_max = settings.disk_percent_max;
  options.limits.disk_free_percent_min = settings.disk_free_percent_min;
  DS_ASSIGN_OR_RETURN(auto cache, cache::Cache::Open(options));
  return std::shared_ptr<cache::Cache>(std::move(cache));
}

Status CheckReadMode(const CacheSettings& settings,
                     const BucketServer& server) {
  if (settings.read_mode != ReadMode::kPassthrough) return OkStatus();
  std::string path = settings.directory + "/passthrough-probe-XXXXXX";
  const sys::UniqueFd file(::mkostemp(path.data(), O_CLOEXEC));
  if (!file) return sys::ErrnoError(errno, "make a file in the cache");
  const std::string name = path.substr(settings.directory.size() + 1);
  const Status works = server.ProbePassthrough({file.get(), name});
  ::unlink(path.c_str());
  if (works.ok()) return works;
  return works.error().Wrap(
      "--read-mode passthrough (auto goes on without it)");
}

}  // namespace datashim::node
