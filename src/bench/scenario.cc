#include "bench/scenario.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "base/clock.h"

namespace datashim::bench {
namespace {

constexpr std::size_t kReaders = 4;
constexpr std::size_t kSmallFileReaders = 8;
constexpr std::size_t kSmallFilesMax = 2000;
constexpr std::uint64_t kSmallFileBytesMax = 64u << 10;
constexpr std::uint64_t kRandomReadBytes = 256u << 10;

constexpr std::array<std::pair<Scenario, std::string_view>, 6> kNames{{
    {Scenario::kColdSequential, "cold_seq"},
    {Scenario::kColdMapped, "cold_mmap"},
    {Scenario::kColdReaders, "cold_4_readers"},
    {Scenario::kRandom, "rand_256k"},
    {Scenario::kSmallFiles, "small_files"},
    {Scenario::kFind, "find"},
}};

double SecondsSince(MonotonicTime begin) {
  return std::chrono::duration<double>(SystemClock().Now() - begin).count();
}

// Reads the files whole, by `threads` threads that take one after the other.
Result<Work> ReadEach(Files& files, const std::vector<File>& which,
                      std::size_t threads) {
  std::atomic<std::size_t> next = 0;
  std::atomic<std::uint64_t> bytes = 0;
  std::mutex mutex;
  std::optional<Error> failed;
  const auto read_some = [&] {
    for (std::size_t i = next++; i < which.size(); i = next++) {
      const auto read = files.ReadWhole(which[i]);
      if (read.ok()) {
        bytes += *read;
        continue;
      }
      const std::lock_guard lock(mutex);
      failed = read.error();
      next = which.size();
    }
  };
  {
    std::vector<std::jthread> readers;
    for (std::size_t i = 0; i < threads; ++i) readers.emplace_back(read_some);
  }
  if (failed) return *failed;
  return Work{bytes, which.size(), 0};
}

Result<Work> ReadRandomly(Files& files, const File& file,
                          std::chrono::seconds duration) {
  DS_ASSIGN_OR_RETURN(const ReadAt read, files.Open(file));
  std::vector<std::byte> buffer(kRandomReadBytes);
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::uint64_t> piece(
      0, file.bytes / kRandomReadBytes - 1);
  Work work;
  const Deadline end = Deadline::After(duration);
  while (!end.HasPassed()) {
    DS_RETURN_IF_ERROR(read(piece(random) * kRandomReadBytes, buffer));
    work.bytes += buffer.size();
    ++work.items;
  }
  return work;
}

Result<Work> ReadSmall(Files& files, const Selection& selection,
                       const ScenarioLimits& limits) {
  // As programs do: what a loader reads it has found in a directory.
  auto found = files.Walk(limits.names_max);
  if (!found.ok()) return std::move(found).error();
  return ReadEach(files, selection.small, kSmallFileReaders);
}

Result<Work> Once(Scenario scenario, Files& files, const Selection& selection,
                  const ScenarioLimits& limits) {
  switch (scenario) {
    case Scenario::kColdSequential:
      return ReadEach(files, {selection.large.front()}, 1);
    case Scenario::kColdMapped: {
      auto touched = files.TouchWhole(selection.large.front());
      if (!touched.ok()) return std::move(touched).error();
      return Work{*touched, 1, 0};
    }
    case Scenario::kColdReaders:
      return ReadEach(files, selection.large, kReaders);
    case Scenario::kRandom:
      return ReadRandomly(files, selection.large.front(), limits.random_reads);
    case Scenario::kSmallFiles:
      return ReadSmall(files, selection, limits);
    case Scenario::kFind: {
      auto found = files.Walk(limits.names_max);
      if (!found.ok()) return std::move(found).error();
      return Work{0, found->size(), 0};
    }
  }
  return Error{ErrorCode::kInternal, "no such scenario"};
}

}  // namespace

std::string_view NameOf(Scenario scenario) {
  return kNames.at(static_cast<std::size_t>(scenario)).second;
}

std::optional<Scenario> ScenarioOf(std::string_view name) {
  for (const auto& [scenario, its_name] : kNames) {
    if (its_name == name) return scenario;
  }
  return std::nullopt;
}

const std::vector<Scenario>& AllScenarios() {
  static const auto* const all = [] {
    auto* list = new std::vector<Scenario>;
    for (const auto& [scenario, name] : kNames) list->push_back(scenario);
    return list;
  }();
  return *all;
}

Selection Select(std::vector<File> files) {
  Selection selection;
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.path < b.path;
  });
  for (const File& file : files) {
    if (file.bytes < kRandomReadBytes || selection.large.size() == kReaders) {
      break;
    }
    selection.large.push_back(file);
  }
  std::erase_if(
      files, [](const File& file) { return file.bytes > kSmallFileBytesMax; });
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  files.resize(std::min(files.size(), kSmallFilesMax));
  selection.small = std::move(files);
  return selection;
}

bool HasFilesFor(Scenario scenario, const Selection& selection) {
  switch (scenario) {
    case Scenario::kSmallFiles:
      return !selection.small.empty();
    case Scenario::kFind:
      return true;
    default:
      return !selection.large.empty();
  }
}

Result<Work> Run(Scenario scenario, Files& files, const Selection& selection,
                 const ScenarioLimits& limits) {
  const MonotonicTime begin = SystemClock().Now();
  DS_ASSIGN_OR_RETURN(Work work, Once(scenario, files, selection, limits));
  work.seconds = SecondsSince(begin);
  return work;
}

Figures FiguresOf(Scenario scenario, const Work& work) {
  Figures figures;
  const double items = static_cast<double>(work.items) / work.seconds;
  switch (scenario) {
    case Scenario::kFind:
      figures["entries_per_s"] = items;
      figures["seconds"] = work.seconds;
      return figures;
    case Scenario::kSmallFiles:
      figures["files_per_s"] = items;
      return figures;
    case Scenario::kRandom:
      figures["reads_per_s"] = items;
      break;
    default:
      break;
  }
  figures["gb_per_s"] = static_cast<double>(work.bytes) / 1e9 / work.seconds;
  return figures;
}

}  // namespace datashim::bench
