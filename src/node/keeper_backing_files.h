// KeeperBackingFiles: hands files of the cache to the kernel by way of the
// keeper, which has the privilege that this process has not.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "fs/backing_files.h"
#include "keeper/client.h"

namespace datashim::node {

/// Of the FUSE mount at `target`. Thread-safe.
class KeeperBackingFiles final : public fs::BackingFiles {
 public:
  /// `keeper` outlives it.
  KeeperBackingFiles(keeper::Client& keeper, std::string target)
      : keeper_(keeper), target_(std::move(target)) {}

  /// Waits for a keeper that is away for a second at most.
  Result<std::int32_t> Register(const fs::BackingFile& file) override;
  void Unregister(std::int32_t id) override {
    keeper_.CloseBacking(target_, id);
  }

 private:
  keeper::Client& keeper_;
  const std::string target_;
};

}  // namespace datashim::node
