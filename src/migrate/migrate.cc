#include "migrate/migrate.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "kube/config.h"
#include "migrate/plan.h"

namespace datashim::migrate {
namespace {

using kube::Json;

constexpr kube::ResourceType kDeployments{"apps", "v1", "Deployment",
                                          "deployments"};
constexpr std::chrono::seconds kCallTimeout{30};
constexpr std::chrono::milliseconds kPollInterval{200};

Deadline Soon() { return Deadline::After(kCallTimeout); }

class Migration {
 public:
  Migration(kube::Client& client, const MigrateOptions& options,
            const std::function<void(std::string_view)>& tell, Clock& clock)
      : client_(client), options_(options), tell_(tell), clock_(clock) {}

  Result<MigrateOutcome> Run();

 private:
  Status CheckOperators();
  Result<std::vector<Json>> List(const kube::ResourceType& type);
  Status MigrateAll(const std::vector<Json>& datasets, bool is_of_our_group);
  Result<bool> Follow(const std::string& name, const Plan& plan);
  Result<Found> Look(const Json& dataset, bool is_of_our_group);
  Status LookAtPods(Found& found);
  Status Do(const Step& step);
  Status Remove(const Step& step);

  kube::Client& client_;
  const MigrateOptions& options_;
  const std::function<void(std::string_view)>& tell_;
  Clock& clock_;
  MigrateOutcome outcome_;
};

/// Nothing if the cluster does not have the kind.
Result<std::vector<Json>> Migration::List(const kube::ResourceType& type) {
  auto found = client_.List(type, options_.namespace_name, {}, Soon());
  if (found.ok()) return std::move(found->items);
  if (found.error().code == ErrorCode::kNotFound) return std::vector<Json>();
  return std::move(found).error();
}

Status Migration::CheckOperators() {
  DS_ASSIGN_OR_RETURN(const kube::ObjectList deployments,
                      client_.List(kDeployments, "", {}, Soon()));
  const std::vector<std::string> running = RunningOperators(deployments.items);
  if (running.empty()) return OkStatus();
  const std::string why =
      "upstream's operator runs (Deployment " + Join(running, ", ") +
      ") and would make anew what is removed here; scale it to 0 first";
  if (!options_.dry_run) return Error{ErrorCode::kFailedPrecondition, why};
  tell_("first: " + why);
  return OkStatus();
}

Result<MigrateOutcome> Migration::Run() {
  DS_RETURN_IF_ERROR(CheckOperators());
  DS_ASSIGN_OR_RETURN(const auto old, List(kOldDatasets));
  DS_RETURN_IF_ERROR(MigrateAll(old, /*is_of_our_group=*/false));
  // Upstream's since 0.4 are of our group: those that have its copy.
  DS_ASSIGN_OR_RETURN(const auto internals, List(kInternals));
  std::vector<Json> recent;
  for (const Json& internal : internals) {
    DS_ASSIGN_OR_RETURN(auto dataset,
                        client_.Find(kDatasets, kube::KeyOf(internal), Soon()));
    if (dataset && kube::IsOwnedBy(internal, kube::UidOf(*dataset))) {
      recent.push_back(*std::move(dataset));
    }
  }
  DS_RETURN_IF_ERROR(MigrateAll(recent, /*is_of_our_group=*/true));
  return outcome_;
}

Status Migration::MigrateAll(const std::vector<Json>& datasets,
                             bool is_of_our_group) {
  for (const Json& dataset : datasets) {
    const std::string name = kube::KeyOf(dataset).ToString();
    DS_ASSIGN_OR_RETURN(const Found found, Look(dataset, is_of_our_group));
    const Plan plan = PlanMigration(found);
    if (plan.refusal) {
      tell_(name + ": refused: " + *plan.refusal);
      ++outcome_.refused;
      continue;
    }
    tell_(name + ":");
    DS_ASSIGN_OR_RETURN(const bool is_done, Follow(name, plan));
    ++(is_done ? outcome_.migrated : outcome_.refused);
  }
  return OkStatus();
}

/// @return false if the API server refuses the new Dataset: nothing is removed.
Result<bool> Migration::Follow(const std::string& name, const Plan& plan) {
  for (const Step& step : plan.steps) {
    tell_("  " + step.text);
    if (options_.dry_run) continue;
    const Status done = Do(step);
    if (done.ok()) continue;
    if (step.kind == Step::Kind::kCreate &&
        done.error().code == ErrorCode::kInvalidArgument) {
      tell_("  refused: " + done.error().message);
      return false;
    }
    return done.error().Wrap(name);
  }
  for (const std::string& note : plan.notes) tell_("  note: " + note);
  return true;
}

Result<Found> Migration::Look(const Json& dataset, bool is_of_our_group) {
  const kube::ObjectKey key = kube::KeyOf(dataset);
  Found found;
  found.dataset = dataset;
  found.is_of_our_group = is_of_our_group;
  const auto look = [&](const kube::ResourceType& type,
                        std::optional<Json>& out) -> Status {
    auto object = client_.Find(type, key, Soon());
    if (!object.ok()) return std::move(object).error();
    out = *std::move(object);
    return OkStatus();
  };
  DS_RETURN_IF_ERROR(
      look(is_of_our_group ? kInternals : kOldInternals, found.internal));
  DS_RETURN_IF_ERROR(look(kube::kPersistentVolumeClaims, found.claim));
  DS_RETURN_IF_ERROR(look(kube::kConfigMaps, found.config_map));
  DS_RETURN_IF_ERROR(look(kube::kSecrets, found.secret));
  DS_RETURN_IF_ERROR(look(kDatasets, found.new_dataset));
  if (!found.claim) return found;
  const std::string volume =
      kube::StringAt(*found.claim, {"spec", "volumeName"});
  if (!volume.empty()) {
    DS_ASSIGN_OR_RETURN(found.volume, client_.Find(kube::kPersistentVolumes,
                                                   {"", volume}, Soon()));
  }
  DS_RETURN_IF_ERROR(LookAtPods(found));
  return found;
}

Status Migration::LookAtPods(Found& found) {
  const kube::ObjectKey key = kube::KeyOf(found.dataset);
  DS_ASSIGN_OR_RETURN(
      const kube::ObjectList pods,
      client_.List(kube::kPods, key.namespace_name, {}, Soon()));
  for (const Json& pod : pods.items) {
    if (UsesClaim(pod, key.name)) found.pods.push_back(kube::NameOf(pod));
  }
  return OkStatus();
}

Status Migration::Do(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kRetain: {
      const auto patched = client_.Patch(
          step.type, kube::KeyOf(step.object), kube::PatchType::kMerge,
          {{"spec", {{"persistentVolumeReclaimPolicy", "Retain"}}}}, Soon());
      return patched.ok() ? OkStatus() : Status(patched.error());
    }
    case Step::Kind::kCreate: {
      const auto created = client_.Create(step.type, step.object, Soon());
      return created.ok() ? OkStatus() : Status(created.error());
    }
    case Step::Kind::kRemove:
      return Remove(step);
  }
  return OkStatus();
}

/// Only this very object; returns when it is gone.
Status Migration::Remove(const Step& step) {
  const kube::ObjectKey key = kube::KeyOf(step.object);
  const std::string uid = kube::UidOf(step.object);
  const Status deleted = client_.Delete(step.type, key, {.uid = uid}, Soon());
  if (!deleted.ok()) {
    // Gone, or in its place already what the operator made.
    const ErrorCode code = deleted.error().code;
    return code == ErrorCode::kNotFound || code == ErrorCode::kAborted
               ? OkStatus()
               : deleted;
  }
  const Deadline deadline = Deadline::After(kRemovalTimeout);
  while (true) {
    DS_ASSIGN_OR_RETURN(auto left, client_.Find(step.type, key, Soon()));
    // Another one of that name is the operator's.
    if (!left || kube::UidOf(*left) != uid) return OkStatus();
    if (DropFinalizers(*left)) {
      const auto patched =
          client_.Patch(step.type, key, kube::PatchType::kMerge,
                        {{"metadata",
                          {{"resourceVersion", kube::ResourceVersionOf(*left)},
                           {"finalizers", (*left)["metadata"]["finalizers"]}}}},
                        Soon());
      const bool again =
          !patched.ok() && (patched.error().code == ErrorCode::kAborted ||
                            patched.error().code == ErrorCode::kNotFound);
      if (!patched.ok() && !again) return patched.error();
      continue;
    }
    if (deadline.HasPassed()) {
      return Error{ErrorCode::kDeadlineExceeded,
                   std::string(step.type.kind) + " " + key.ToString() +
                       " does not go; see its finalizers, and run this again"};
    }
    clock_.SleepFor(kPollInterval, {});
  }
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<MigrateOutcome> Run(const MigrateOptions& options) {
  const std::string files = options.kubeconfig.empty()
                                ? Environment("KUBECONFIG")
                                : options.kubeconfig;
  DS_ASSIGN_OR_RETURN(
      kube::Config config,
      kube::LoadKubeconfig(kube::KubeconfigFiles(files, Environment("HOME")),
                           options.context));
  DS_ASSIGN_OR_RETURN(const auto client, kube::Client::Make(std::move(config)));
  return Migrate(
      *client, options,
      [](std::string_view line) {
        std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
        std::fflush(stdout);
      },
      SystemClock());
}

}  // namespace

Result<MigrateOutcome> Migrate(
    kube::Client& client, const MigrateOptions& options,
    const std::function<void(std::string_view)>& tell, Clock& clock) {
  return Migration(client, options, tell, clock).Run();
}

int RunMigrate(const MigrateOptions& options) {
  const auto outcome = Run(options);
  if (!outcome.ok()) {
    std::fprintf(stderr, "datashim migrate: %s\n",
                 outcome.error().message.c_str());
    return 1;
  }
  std::printf("%d %s, %d refused\n", outcome->migrated,
              options.dry_run ? "would be migrated" : "migrated",
              outcome->refused);
  return outcome->refused == 0 ? 0 : 1;
}

}  // namespace datashim::migrate
