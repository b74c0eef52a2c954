#include "operator/operator.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "kube/leader_elector.h"
#include "net/http_server.h"
#include "operator/cluster_view.h"
#include "operator/health.h"
#include "operator/leader_loops.h"
#include "operator/names.h"
#include "operator/webhook_server.h"
#include "webhook/certificates.h"

namespace datashim::controllers {
namespace {

constexpr const char* kLeaseName = "datashim-operator";
constexpr std::chrono::seconds kHealthDrain{1};

/// The leader's own calls, which come in bursts when many Datasets appear.
constexpr double kLeaderRequestsPerSecond = 200;
constexpr double kLeaderRequestsBurst = 400;

std::string HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Result<kube::Config> LoadConfig(const OperatorOptions& options) {
  if (!options.kubeconfig.empty()) {
    return kube::LoadKubeconfig(
        kube::KubeconfigFiles(options.kubeconfig, Environment("HOME")), "");
  }
  kube::InClusterEnvironment environment;
  environment.service_host = Environment("KUBERNETES_SERVICE_HOST");
  environment.service_port = Environment("KUBERNETES_SERVICE_PORT");
  return kube::LoadInCluster(environment);
}

kube::ClientOptions LeaderClientOptions() {
  kube::ClientOptions options;
  options.field_manager = "datashim-operator";
  options.requests_per_second = kLeaderRequestsPerSecond;
  options.requests_burst = kLeaderRequestsBurst;
  return options;
}

}  // namespace

class Operator::Impl {
 public:
  Impl(OperatorOptions options, kube::Config config, Clock& clock)
      : options_(std::move(options)),
        config_(std::move(config)),
        clock_(clock) {}
  ~Impl() { Stop(); }

  Status Start();
  void Resign();
  void Stop();

  std::uint16_t webhook_port() const { return webhook_->port(); }
  std::uint16_t health_port() const { return health_->port(); }
  bool IsLeader() const;
  bool IsReady() const {
    return !has_resigned_ && datasets_->HasSynced() &&
           webhook_->has_certificate();
  }

 private:
  Status StartHealth();
  void StartElection();
  void Lead();
  void StopLeading();
  std::string Metrics() const;
  LeaderOptions MakeLeaderOptions() const;

  const OperatorOptions options_;
  const kube::Config config_;
  Clock& clock_;

  // The election has a client of its own: no flood of other calls may cost the
  // Lease.
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<kube::Client> lease_client_;
  std::unique_ptr<kube::Informer> datasets_;
  std::unique_ptr<WebhookServer> webhook_;
  std::unique_ptr<net::HttpServer> health_;
  std::unique_ptr<kube::LeaderElector> elector_;

  std::atomic<bool> has_resigned_ = false;

  mutable std::mutex mutex_;
  std::unique_ptr<LeaderLoops> loops_;  // Guarded by mutex_. Null: no leader.
};

Status Operator::Impl::Start() {
  DS_ASSIGN_OR_RETURN(client_, kube::Client::Make(config_, {}, clock_));
  DS_ASSIGN_OR_RETURN(lease_client_, kube::Client::Make(config_, {}, clock_));
  datasets_ = std::make_unique<kube::Informer>(
      *client_, kDatasets, DatasetInformerOptions(), clock_);
  datasets_->AddHandler([this](const kube::ObjectChange& change) {
    const std::lock_guard lock(mutex_);
    if (loops_ != nullptr) loops_->OnDatasetChange(change);
  });

  WebhookServerOptions webhook;
  webhook.address = options_.webhook_address;
  webhook.port = options_.webhook_port;
  webhook.certificate_secret = {options_.namespace_name,
                                options_.certificate_secret};
  DS_ASSIGN_OR_RETURN(
      webhook_, WebhookServer::Start(webhook, *client_, *datasets_, clock_));
  DS_RETURN_IF_ERROR(StartHealth());
  datasets_->Start();
  StartElection();
  log::Info("operator runs", {{"version", DATASHIM_VERSION},
                              {"namespace", options_.namespace_name},
                              {"webhook_port", std::to_string(webhook_port())},
                              {"health_port", std::to_string(health_port())}});
  return OkStatus();
}

Status Operator::Impl::StartHealth() {
  HealthProbes probes;
  probes.is_ready = [this] { return IsReady(); };
  probes.metrics = [this] { return Metrics(); };
  DS_ASSIGN_OR_RETURN(health_, StartHealthServer(options_.health_address,
                                                 options_.health_port, probes));
  return OkStatus();
}

void Operator::Impl::StartElection() {
  if (!options_.leader_election) {
    Lead();
    return;
  }
  kube::LeaseOptions lease;
  lease.lease = {options_.namespace_name, kLeaseName};
  lease.identity = options_.identity;
  elector_ = std::make_unique<kube::LeaderElector>(
      *lease_client_, lease,
      kube::LeaderElector::Callbacks{
          .on_started = [this] { Lead(); },
          .on_stopped = [this] { StopLeading(); },
          .on_new_leader =
              [](const std::string& identity) {
                log::Info("another replica leads", {{"identity", identity}});
              }},
      clock_);
  elector_->Start();
}

void Operator::Impl::Lead() {
  auto client = kube::Client::Make(config_, LeaderClientOptions(), clock_);
  if (!client.ok()) {  // The same configuration parsed before.
    log::Error("cannot lead", {{"error", client.error().message}});
    return;
  }
  const std::lock_guard lock(mutex_);
  loops_ = std::make_unique<LeaderLoops>(
      MakeLeaderOptions(), *std::move(client), *datasets_, clock_);
  loops_->Start();
}

void Operator::Impl::StopLeading() {
  std::unique_ptr<LeaderLoops> loops;
  {
    const std::lock_guard lock(mutex_);
    loops = std::move(loops_);
  }
  if (loops == nullptr) return;
  loops->Stop();
  log::Info("controllers are stopped");
}

LeaderOptions Operator::Impl::MakeLeaderOptions() const {
  LeaderOptions leader;
  leader.operator_namespace = options_.namespace_name;
  leader.identity = options_.identity;
  leader.policy = options_.policy;
  leader.workers = options_.workers;
  leader.certificates.secret = {options_.namespace_name,
                                options_.certificate_secret};
  leader.certificates.webhook_configuration = options_.webhook_configuration;
  leader.certificates.dns_names =
      !options_.webhook_dns_names.empty()
          ? options_.webhook_dns_names
          : webhook::ServiceDnsNames(options_.webhook_service,
                                     options_.namespace_name);
  return leader;
}

bool Operator::Impl::IsLeader() const {
  const std::lock_guard lock(mutex_);
  return loops_ != nullptr;
}

std::string Operator::Impl::Metrics() const {
  const std::lock_guard lock(mutex_);
  return FormatMetrics(
      loops_ != nullptr, datasets_->size(),
      loops_ == nullptr ? ControllerMetrics{} : loops_->metrics());
}

void Operator::Impl::Resign() {
  has_resigned_ = true;
  if (webhook_ != nullptr) webhook_->Resign();
  // First the Lease, so that the next leader starts while we clean up.
  if (elector_ != nullptr) elector_->Stop();
  StopLeading();
}

void Operator::Impl::Stop() {
  Resign();
  if (webhook_ != nullptr) webhook_->Stop();
  if (datasets_ != nullptr) datasets_->RequestStop();
  if (client_ != nullptr) client_->RequestStop();
  if (datasets_ != nullptr) datasets_->Stop();
  if (health_ != nullptr) health_->Stop(kHealthDrain);
}

Operator::Operator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Operator::~Operator() = default;

Result<std::unique_ptr<Operator>> Operator::Start(OperatorOptions options,
                                                  kube::Config config,
                                                  Clock& clock) {
  if (options.identity.empty()) options.identity = HostName();
  auto impl =
      std::make_unique<Impl>(std::move(options), std::move(config), clock);
  DS_RETURN_IF_ERROR(impl->Start());
  return std::unique_ptr<Operator>(new Operator(std::move(impl)));
}

std::uint16_t Operator::webhook_port() const { return impl_->webhook_port(); }
std::uint16_t Operator::health_port() const { return impl_->health_port(); }
bool Operator::is_leader() const { return impl_->IsLeader(); }
bool Operator::is_ready() const { return impl_->IsReady(); }
void Operator::Resign() { impl_->Resign(); }
void Operator::Stop() { impl_->Stop(); }

int RunOperator(const OperatorOptions& options, std::stop_token stop) {
  log::SetLevel(options.log_level);
  auto config = LoadConfig(options);
  if (!config.ok()) {
    log::Error("no way to the API server", {{"error", config.error().message}});
    return 1;
  }
  auto running = Operator::Start(options, *std::move(config));
  if (!running.ok()) {
    log::Error("the operator cannot start",
               {{"error", running.error().message}});
    return 1;
  }
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait(lock, stop, [] { return false; });
  (*running)->Resign();
  SystemClock().SleepFor(options.shutdown_delay, {});
  (*running)->Stop();
  log::Info("operator is stopped");
  return 0;
}

}  // namespace datashim::controllers
