// Scenarios: what is measured. Each is a few lines of what programs do with
// files, and says how much was done in which time.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "bench/files.h"

namespace datashim::bench {

/// The names are those of `make bench`.
enum class Scenario {
  kColdSequential,  ///< cold_seq: one reader of the largest file.
  kColdMapped,      ///< cold_mmap: a byte of every page of it.
  kColdReaders,     ///< cold_4_readers: four at once, of the four largest.
  kRandom,          ///< rand_256k: one reader, pieces of 256 KiB, 10 s.
  kSmallFiles,      ///< small_files: all small ones, listed and read.
  kFind,            ///< find: the names of all.
};

std::string_view NameOf(Scenario scenario);
/// Nullopt if there is none of that name.
std::optional<Scenario> ScenarioOf(std::string_view name);
const std::vector<Scenario>& AllScenarios();

/// Which files a scenario reads.
struct Selection {
  std::vector<File> large;  ///< Up to four, the largest first.
  std::vector<File> small;  ///< Up to 2,000 of at most 64 KiB, by name.
};
Selection Select(std::vector<File> files);

/// What was done.
struct Work {
  std::uint64_t bytes = 0;
  std::uint64_t items = 0;  ///< Reads, files or names.
  double seconds = 0;
};

/// Bounds of one run.
struct ScenarioLimits {
  std::chrono::seconds random_reads{10};
  std::size_t names_max = 1'000'000;
};

/// Runs it once. REQUIRES: the selection has what it reads; see HasFilesFor.
Result<Work> Run(Scenario scenario, Files& files, const Selection& selection,
                 const ScenarioLimits& limits);
bool HasFilesFor(Scenario scenario, const Selection& selection);

/// Figures by name, the unit at its end: gb_per_s, reads_per_s, …
using Figures = std::map<std::string, double>;
Figures FiguresOf(Scenario scenario, const Work& work);

}  // namespace datashim::bench
