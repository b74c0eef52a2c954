#include "operator/leader_loops.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/thread_pool.h"
#include "operator/names.h"

namespace datashim::controllers {
namespace {

/// The chores of upkeep_loop_, which have no object of their own.
const kube::ObjectKey kCertificates{"", "certificates"};
const kube::ObjectKey kSweep{"", "sweep"};
constexpr std::chrono::minutes kSweepInterval{10};

/// A failed write is tried again at once, then ever more rarely.
constexpr std::chrono::seconds kBackoffMax{30};
/// Long enough for one look at a bucket and a few calls to the API server.
constexpr std::chrono::seconds kReconcileTimeout{15};
/// Looks at buckets block their worker; a few dead stores must not hold up the
/// others.
constexpr std::size_t kClaimWorkers = 8;

constexpr std::chrono::milliseconds kSyncSlice{100};

kube::ControllerOptions LoopOptions(std::string name, std::size_t workers) {
  kube::ControllerOptions options;
  options.name = std::move(name);
  options.workers = workers;
  options.reconcile_timeout = kReconcileTimeout;
  options.queue.backoff_max = kBackoffMax;
  return options;
}

kube::EventOptions EventOptionsFor(const LeaderOptions& options) {
  kube::EventOptions events;
  events.component = "datashim-operator";
  events.host = options.identity;
  return events;
}

kube::InformerOptions OnlyNamed(const std::string& name) {
  kube::InformerOptions options;
  options.field_selector = "metadata.name=" + name;
  return options;
}

const kube::Json& Latest(const kube::ObjectChange& change) {
  return change.after != nullptr ? *change.after : *change.before;
}

}  // namespace

LeaderLoops::LeaderLoops(LeaderOptions options,
                         std::unique_ptr<kube::Client> client,
                         const kube::Informer& datasets, Clock& clock)
    : options_(std::move(options)),
      client_(std::move(client)),
      clock_(clock),
      datasets_(datasets),
      events_(*client_, EventOptionsFor(options_), clock),
      view_(*client_, datasets, clock),
      webhook_configuration_(
          *client_, kMutatingWebhooks,
          OnlyNamed(options_.certificates.webhook_configuration), clock),
      dataset_controller_(*client_, view_, reports_, removals_, events_,
                          options_.policy, clock),
      provisioner_(
          *client_, view_, reports_, events_,
          {options_.operator_namespace, options_.policy, options_.workers},
          [this](const kube::ObjectKey& claim) {
            dataset_loop_.queue().Add(claim);
          },
          clock),
      remover_(*client_, view_, removals_, events_, options_.operator_namespace,
               [this](const kube::ObjectKey& dataset) {
                 dataset_loop_.queue().Add(dataset);
               }),
      reclaimer_(*client_, view_, remover_, options_.operator_namespace),
      certificate_controller_(*client_, options_.certificates, clock),
      dataset_loop_(
          LoopOptions("dataset", 2),
          [this](const kube::ObjectKey& key, Deadline deadline) {
            return dataset_controller_.Reconcile(key, deadline);
          },
          clock),
      claim_loop_(
          LoopOptions("claim", kClaimWorkers),
          [this](const kube::ObjectKey& key, Deadline deadline) {
            return provisioner_.Reconcile(key, deadline);
          },
          clock),
      volume_loop_(
          LoopOptions("volume", 1),
          [this](const kube::ObjectKey& key, Deadline deadline) {
            return reclaimer_.Reconcile(key, deadline);
          },
          clock),
      upkeep_loop_(
          LoopOptions("upkeep", 1),
          [this](const kube::ObjectKey& key, Deadline deadline) {
            return Upkeep(key, deadline);
          },
          clock) {
  Wire();
}

LeaderLoops::~LeaderLoops() { Stop(); }

/// Claim and ConfigMap have the name of their Dataset, so their keys are its.
void LeaderLoops::Wire() {
  view_.config_maps().AddHandler([this](const kube::ObjectChange& change) {
    dataset_loop_.queue().Add(kube::KeyOf(Latest(change)));
  });
  view_.claims().AddHandler(
      [this](const kube::ObjectChange& change) { OnClaimChange(change); });
  view_.volumes().AddHandler(
      [this](const kube::ObjectChange& change) { OnVolumeChange(change); });
  view_.storage_classes().AddHandler(
      [this](const kube::ObjectChange&) { OnStorageClassChange(); });
  webhook_configuration_.AddHandler([this](const kube::ObjectChange&) {
    upkeep_loop_.queue().Add(kCertificates);
  });
}

void LeaderLoops::OnDatasetChange(const kube::ObjectChange& change) {
  const kube::ObjectKey key = kube::KeyOf(Latest(change));
  dataset_loop_.queue().Add(key);
  // remove-on-delete may have changed, which a failing removal waits for.
  if (change.before != nullptr && change.after != nullptr &&
      kube::IsBeingDeleted(*change.after) &&
      kube::LabelOf(*change.before, kRemoveOnDeleteLabel) !=
          kube::LabelOf(*change.after, kRemoveOnDeleteLabel)) {
    for (const kube::ObjectPtr& volume :
         view_.volumes().ByIndex(kDatasetIndex, kube::UidOf(*change.after))) {
      volume_loop_.queue().Add(kube::KeyOf(*volume));
    }
  }
  // Our own writes of the status say nothing new to the provisioner.
  if (change.before == nullptr || change.after == nullptr ||
      kube::GenerationOf(*change.before) != kube::GenerationOf(*change.after)) {
    claim_loop_.queue().Add(key);
  }
}

void LeaderLoops::OnClaimChange(const kube::ObjectChange& change) {
  const kube::ObjectKey key = kube::KeyOf(Latest(change));
  claim_loop_.queue().Add(key);
  if (datasets_.Get(key) != nullptr) dataset_loop_.queue().Add(key);
}

void LeaderLoops::OnVolumeChange(const kube::ObjectChange& change) {
  const kube::Json& volume = Latest(change);
  volume_loop_.queue().Add(kube::KeyOf(volume));
  const kube::ObjectKey claim{
      kube::StringAt(volume, {"spec", "claimRef", "namespace"}),
      kube::StringAt(volume, {"spec", "claimRef", "name"})};
  if (claim.name.empty()) return;
  if (datasets_.Get(claim) != nullptr) dataset_loop_.queue().Add(claim);
  // A volume that is gone while its claim lives is made again.
  if (change.after == nullptr) claim_loop_.queue().Add(claim);
}

void LeaderLoops::OnStorageClassChange() {
  for (const kube::ObjectPtr& claim : view_.claims().List()) {
    claim_loop_.queue().Add(kube::KeyOf(*claim));
  }
}

std::vector<kube::Controller*> LeaderLoops::Controllers() {
  return {&dataset_loop_, &claim_loop_, &volume_loop_, &upkeep_loop_};
}

void LeaderLoops::Start() {
  events_.Start();
  view_.Start();
  webhook_configuration_.Start();
  starter_ = std::jthread([this](std::stop_token stop) {
    SetThreadName("leader-start");
    BeginWhenSynced(stop);
  });
}

/// A copy that is incomplete would look like deleted objects.
void LeaderLoops::BeginWhenSynced(std::stop_token stop) {
  if (!view_.WaitForSync(Deadline::Never())) return;
  // Not ours to stop, so not to be waited for without looking up.
  while (!datasets_.WaitForSync(Deadline::After(kSyncSlice))) {
    if (stop.stop_requested()) return;
  }
  if (stop.stop_requested()) return;
  for (const kube::ObjectPtr& dataset : datasets_.List()) {
    dataset_loop_.queue().Add(kube::KeyOf(*dataset));
  }
  upkeep_loop_.queue().Add(kCertificates);
  upkeep_loop_.queue().Add(kSweep);
  for (kube::Controller* loop : Controllers()) loop->Start();
  log::Info("leading: controllers run",
            {{"datasets", std::to_string(datasets_.size())},
             {"claims", std::to_string(view_.claims().size())}});
}

Result<kube::Outcome> LeaderLoops::Upkeep(const kube::ObjectKey& key,
                                          Deadline deadline) {
  if (key == kCertificates) return certificate_controller_.Reconcile(deadline);
  DS_RETURN_IF_ERROR(reclaimer_.SweepSecrets(deadline));
  DS_RETURN_IF_ERROR(provisioner_.SweepWorkers(deadline));
  return kube::Outcome::RequeueAfter(kSweepInterval);
}

void LeaderLoops::Stop() {
  for (kube::Controller* loop : Controllers()) loop->RequestStop();
  events_.Stop();  // While its client still takes calls.
  view_.RequestStop();
  webhook_configuration_.RequestStop();
  client_->RequestStop();
  if (starter_.joinable()) {
    starter_.request_stop();
    starter_.join();
  }
  for (kube::Controller* loop : Controllers()) loop->Stop();
  view_.Stop();
  webhook_configuration_.Stop();
}

std::vector<std::pair<std::string, kube::Controller::Metrics>>
LeaderLoops::metrics() const {
  return {{"dataset", dataset_loop_.metrics()},
          {"claim", claim_loop_.metrics()},
          {"volume", volume_loop_.metrics()},
          {"upkeep", upkeep_loop_.metrics()}};
}

}  // namespace datashim::controllers
