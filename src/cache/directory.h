// Directory: the files of a cache on disk: made, published, adopted, removed.
// Decides nothing.
//
//   <path>/datashim-cache/lock
//                         filling/<number>        being filled, reserved
//                         filling/<number>.retired  evicted, being removed
//                         complete/<name>         the object's bytes
//                         complete/<name>.sums    its Manifest

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/eviction.h"
#include "cache/manifest.h"
#include "sys/unique_fd.h"

namespace datashim::cache {

/// Thread-safe. Names are those of EntryName; numbers are the caller's and
/// never used again.
class Directory {
 public:
  /// Makes what is missing below `path`, takes the lock, and removes what a
  /// process that died has left half made.
  /// @return kFailedPrecondition when another process uses it.
  static Result<Directory> Open(const std::string& path);

  /// A complete file, as Adopt finds it.
  struct Adopted {
    std::string name;
    std::uint64_t bytes = 0;
    std::int64_t last_used_ns = 0;  ///< Since the epoch.
  };
  /// The complete files that have a manifest of their own, least recently used
  /// first; all others are removed. Their bytes are not read.
  Result<std::vector<Adopted>> Adopt() const;

  /// A file of that size, its space reserved where the file system can.
  /// @return kResourceExhausted when the disk is full.
  Result<sys::UniqueFd> CreateFilling(std::uint64_t number,
                                      std::uint64_t bytes) const;
  void RemoveFilling(std::uint64_t number) const;
  /// Makes the filling file, whose bytes are all written to `file`, a complete
  /// one: also after a power cut it is there whole or not at all.
  Status Publish(std::uint64_t number, const sys::UniqueFd& file,
                 const std::string& name, const Manifest& manifest) const;

  /// To read; its size is the manifest's. `around_page_cache`: O_DIRECT, where
  /// the file system can.
  Result<sys::UniqueFd> OpenComplete(const std::string& name,
                                     const Manifest& manifest,
                                     bool around_page_cache = false) const;
  /// Where OpenComplete finds it, below the path of Open.
  static std::string CompleteName(const std::string& name);
  Result<Manifest> ReadManifest(const std::string& name) const;
  void MarkUsed(const std::string& name) const;
  void RemoveComplete(const std::string& name) const;
  /// Takes the complete file's name away at once; its bytes stay until
  /// RemoveRetired, which may take a while.
  void Retire(const std::string& name, std::uint64_t number) const;
  void RemoveRetired(std::uint64_t number) const;

  Result<DiskSpace> Space() const;
  /// Whether a file can be made, written and removed. One call at a time.
  Status Probe() const;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  sys::UniqueFd lock_;
  sys::UniqueFd filling_;
  sys::UniqueFd complete_;
};

}  // namespace datashim::cache
