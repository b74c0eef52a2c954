// The `datashim bench` command: what a bucket gives, through a mount and by
// plain GETs side by side, or what the file system at a directory gives.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/bucket_options.h"

namespace datashim::bench {

/// What the command line says.
struct BenchOptions {
  /// Its source may also be a directory.
  node::BucketOptions bucket;
  std::vector<std::string> scenarios;   ///< Empty: all.
  std::vector<std::string> contenders;  ///< "datashim", "raw"; empty: both.
  std::uint32_t rounds = 3;
  std::uint32_t random_seconds = 10;
  bool write = false;  ///< Reads objects of its own, and deletes them.
  bool json = false;
};

/// Measures and prints; says on stderr what it does. Contenders take turns.
/// @return the process's exit code.
int RunBench(const BenchOptions& options);

}  // namespace datashim::bench
