#include "bench/bench.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <random>
#include <stop_token>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "bench/files.h"
#include "bench/mount_process.h"
#include "bench/report.h"
#include "bench/scenario.h"
#include "bench/test_objects.h"
#include "s3/object_store.h"
#include "sys/signals.h"
#include "volume/bucket_client.h"

namespace datashim::bench {
namespace {

// What a directory is called where contenders have names.
constexpr std::string_view kFiles = "files";
constexpr std::string_view kDatashim = "datashim";
constexpr std::string_view kRaw = "raw";
// More objects than these are not looked at.
constexpr std::size_t kObjectsMax = 1'000'000;
constexpr std::chrono::seconds kCredentialsTimeout{10};

std::vector<Scenario> ScenariosOf(const BenchOptions& options) {
  if (options.scenarios.empty()) return AllScenarios();
  std::vector<Scenario> scenarios;
  for (const std::string& name : options.scenarios) {
    scenarios.push_back(ScenarioOf(name).value());
  }
  return scenarios;
}

ScenarioLimits LimitsOf(const BenchOptions& options) {
  ScenarioLimits limits;
  limits.random_reads = std::chrono::seconds(options.random_seconds);
  limits.names_max = kObjectsMax;
  return limits;
}

void AddCpu(Figures& figures, const Work& work, double cpu_seconds) {
  if (work.bytes == 0) return;
  figures["cpu_s_per_gb"] =
      cpu_seconds / (static_cast<double>(work.bytes) / 1e9);
}

double OwnCpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Result<Figures> ThroughMount(Scenario scenario,
                             const node::BucketOptions& bucket,
                             const Selection& selection,
                             const ScenarioLimits& limits) {
  DS_ASSIGN_OR_RETURN(const auto mount, MountProcess::Start(bucket));
  const auto files = DirectoryFiles(mount->directory());
  const double before = mount->cpu_seconds();
  DS_ASSIGN_OR_RETURN(const Work work,
                      Run(scenario, *files, selection, limits));
  Figures figures = FiguresOf(scenario, work);
  AddCpu(figures, work, mount->cpu_seconds() - before);
  figures["peak_rss_mib"] = mount->peak_rss_mib();
  return figures;
}

Result<Figures> ByGets(Scenario scenario, Files& objects,
                       const Selection& selection,
                       const ScenarioLimits& limits) {
  const double before = OwnCpuSeconds();
  DS_ASSIGN_OR_RETURN(const Work work,
                      Run(scenario, objects, selection, limits));
  Figures figures = FiguresOf(scenario, work);
  AddCpu(figures, work, OwnCpuSeconds() - before);
  return figures;
}

Status MeasureDirectory(const BenchOptions& options, Report& report) {
  const std::string& directory = options.bucket.source;
  const auto files = DirectoryFiles(directory);
  const ScenarioLimits limits = LimitsOf(options);
  const std::vector<Scenario> scenarios = ScenariosOf(options);
  Selection selection;
  // A walk now would leave nothing cold to be found.
  if (scenarios != std::vector{Scenario::kFind}) {
    DS_ASSIGN_OR_RETURN(std::vector<File> all, files->Walk(kObjectsMax));
    DS_RETURN_IF_ERROR(StatAll(directory, all));
    selection = Select(std::move(all));
  }
  for (const Scenario scenario : scenarios) {
    if (!HasFilesFor(scenario, selection)) continue;
    DS_ASSIGN_OR_RETURN(const Work work,
                        Run(scenario, *files, selection, limits));
    report.Add(std::string(NameOf(scenario)), std::string(kFiles),
               FiguresOf(scenario, work));
  }
  return OkStatus();
}

// Some rounds of one scenario, the contenders in turn.
Status MeasureScenario(const BenchOptions& options, Scenario scenario,
                       Files& objects, const Selection& selection,
                       const std::stop_token& stop, Report& report) {
  const std::string name(NameOf(scenario));
  const ScenarioLimits limits = LimitsOf(options);
  const auto& chosen = options.contenders;
  for (std::uint32_t round = 1; round <= options.rounds; ++round) {
    std::fprintf(stderr, "%s: round %u of %u\n", name.c_str(), round,
                 options.rounds);
    for (const std::string_view contender : {kDatashim, kRaw}) {
      if (stop.stop_requested()) {
        return Error{ErrorCode::kCancelled, "stopped by a signal"};
      }
      if (!chosen.empty() &&
          std::ranges::find(chosen, contender) == chosen.end()) {
        continue;
      }
      auto figures =
          contender == kRaw
              ? ByGets(scenario, objects, selection, limits)
              : ThroughMount(scenario, options.bucket, selection, limits);
      if (!figures.ok()) return figures.error().Wrap(name);
      report.Add(name, std::string(contender), *figures);
    }
  }
  return OkStatus();
}

Status MeasureBucket(const BenchOptions& options,
                     std::shared_ptr<store::ObjectStore> store,
                     const std::stop_token& stop, Report& report) {
  const auto objects = ObjectFiles(std::move(store));
  DS_ASSIGN_OR_RETURN(std::vector<File> all, objects->Walk(kObjectsMax));
  const Selection selection = Select(std::move(all));
  for (const Scenario scenario : ScenariosOf(options)) {
    if (HasFilesFor(scenario, selection)) {
      DS_RETURN_IF_ERROR(MeasureScenario(options, scenario, *objects, selection,
                                         stop, report));
    } else {
      std::fprintf(stderr, "%s: the bucket has no objects for it\n",
                   std::string(NameOf(scenario)).c_str());
    }
  }
  return OkStatus();
}

// A prefix that nobody has used.
std::string OwnPrefix() {
  std::random_device random;
  return "datashim-bench-" + std::to_string(random()) +
         std::to_string(random()) + "/";
}

Status MeasureOwnObjects(BenchOptions options, dataset::VolumeConfig config,
                         const std::shared_ptr<s3::S3Client>& client,
                         const std::stop_token& stop, Report& report) {
  config.prefix += OwnPrefix();
  options.bucket.source = "s3://" + config.bucket + "/" + config.prefix;
  DS_ASSIGN_OR_RETURN(
      const auto store,
      s3::MakeObjectStore(client, config.bucket, config.prefix));
  // Only what is going to be read.
  const std::vector<Scenario> scenarios = ScenariosOf(options);
  const bool large =
      std::any_of(scenarios.begin(), scenarios.end(), [](Scenario scenario) {
        return !HasFilesFor(scenario, {.large = {}, .small = {{"small", 1}}});
      });
  std::fprintf(stderr, "makes %s2,000 small objects below %s\n",
               large ? "1 GiB and " : "", options.bucket.source.c_str());
  Status done = MakeTestObjects(*store, large);
  if (done.ok()) done = MeasureBucket(options, store, stop, report);
  std::fprintf(stderr, "deletes %s\n", options.bucket.source.c_str());
  const Status deleted =
      DeleteTestObjects(client, config.bucket, config.prefix);
  return done.ok() ? deleted : done;
}

Status Measure(const BenchOptions& options, const std::stop_token& stop,
               Report& report) {
  if (!options.bucket.source.starts_with("s3://")) {
    if (options.write) {
      return Error{ErrorCode::kInvalidArgument, "--write needs a bucket"};
    }
    return MeasureDirectory(options, report);
  }
  DS_ASSIGN_OR_RETURN(dataset::VolumeConfig config,
                      node::VolumeConfigOf(options.bucket));
  DS_ASSIGN_OR_RETURN(
      auto credentials,
      node::CredentialsOf(options.bucket,
                          Deadline::After(kCredentialsTimeout)));
  DS_ASSIGN_OR_RETURN(
      const auto client,
      s3::S3Client::Make(volume::S3ConfigOf(config), std::move(credentials)));
  if (options.write) {
    return MeasureOwnObjects(options, std::move(config), client, stop, report);
  }
  DS_ASSIGN_OR_RETURN(
      auto store, s3::MakeObjectStore(client, config.bucket, config.prefix));
  return MeasureBucket(options, std::move(store), stop, report);
}

}  // namespace

int RunBench(const BenchOptions& options) {
  log::SetLevel("warn");
  // Test objects are deleted before the end, whatever ends us.
  const auto signals = sys::StopOnSignals();
  Report report;
  const Status status = signals.ok()
                            ? Measure(options, (*signals)->token(), report)
                            : Status(signals.error());
  if (!report.empty()) {
    std::fputs((options.json ? report.ToJson() : report.ToTable()).c_str(),
               stdout);
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "datashim bench: %s\n", status.error().message.c_str());
  return status.error().code == ErrorCode::kInvalidArgument ? 2 : 1;
}

}  // namespace datashim::bench
