// Health and metrics over plain HTTP: what kubelet and Prometheus ask for.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kube/controller.h"
#include "net/http_server.h"

namespace datashim::controllers {

/// Where the answers come from. Called on threads of the server.
struct HealthProbes {
  std::function<bool()> is_ready;
  std::function<std::string()> metrics;
};

/// Serves /healthz (200 while the process answers), /readyz (200 or 503) and
/// /metrics. Errors are those of HttpServer::Start.
Result<std::unique_ptr<net::HttpServer>> StartHealthServer(
    const std::string& address, std::uint16_t port, HealthProbes probes);

/// Names and numbers of controllers.
using ControllerMetrics =
    std::vector<std::pair<std::string, kube::Controller::Metrics>>;

/// Prometheus' text format. Pure.
std::string FormatMetrics(bool leading, std::size_t datasets,
                          const ControllerMetrics& controllers);

}  // namespace datashim::controllers
