// The `datashim operator` process: the pod webhook in every replica, and the
// controllers in the one that leads. Wiring only.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/policy.h"
#include "kube/config.h"
#include "operator/unpack_job.h"

namespace datashim::controllers {

/// How the operator runs.
struct OperatorOptions {
  /// Namespace of its Lease, certificates and volume Secrets.
  std::string namespace_name = "dlf";
  /// Files as in $KUBECONFIG; empty: the service account of the pod.
  std::string kubeconfig;
  /// Tells the replicas apart: name of the pod. Empty: the host's name.
  std::string identity;
  bool leader_election = true;

  std::string webhook_address = "::";
  std::uint16_t webhook_port = 9443;
  std::string webhook_service = "webhook-server";
  /// Names on the webhook's certificate; empty: that of the Service. For an
  /// operator that the API server does not call through the Service.
  std::vector<std::string> webhook_dns_names;
  std::string webhook_configuration = "dlf-mutating-webhook-cfg";
  std::string certificate_secret = "webhook-server-tls";

  /// Serves /healthz, /readyz and /metrics.
  std::string health_address = "::";
  std::uint16_t health_port = 8081;
  std::string log_level = "info";
  /// How long RunOperator still answers reviews after it was told to stop:
  /// the API server learns late that this replica is no endpoint any more.
  std::chrono::seconds shutdown_delay{0};

  /// What Datasets may reach.
  dataset::Policy policy = {};
  /// Jobs that unpack archives.
  WorkerOptions workers = {};
};

/// A running operator. Thread-safe.
class Operator {
 public:
  /// Starts all threads; returns when webhook and health listen.
  /// @return kInvalidArgument (configuration), kUnavailable (port in use).
  static Result<std::unique_ptr<Operator>> Start(OperatorOptions options,
                                                 kube::Config config,
                                                 Clock& clock = SystemClock());
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  /// Stop().
  ~Operator();

  std::uint16_t webhook_port() const;
  std::uint16_t health_port() const;
  bool is_leader() const;
  /// What /readyz says: copies are complete and there is a certificate.
  bool is_ready() const;

  /// Stops leading and gives the Lease up; is not ready from now on, but goes
  /// on to answer reviews. Idempotent.
  void Resign();

  /// Resign(), and lets reviews under way finish. At most
  /// 10 s. Idempotent.
  void Stop();

 private:
  class Impl;
  explicit Operator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Runs the operator until `stop` is requested. Logs its errors.
/// @return the process's exit code.
int RunOperator(const OperatorOptions& options, std::stop_token stop);

}  // namespace datashim::controllers
