#include "operator/health.h"

#include <string_view>

namespace datashim::controllers {
namespace {

net::HttpResponse Text(int status, std::string text) {
  return {status,
          {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
          std::move(text)};
}

net::HttpResponse Answer(const HealthProbes& probes, std::string_view path) {
  if (path == "/healthz") return Text(200, "ok\n");
  if (path == "/metrics") return Text(200, probes.metrics());
  if (path != "/readyz") return Text(404, "no such path\n");
  return probes.is_ready()
             ? Text(200, "ok\n")
             : Text(503, "Datasets or the certificate are not loaded yet\n");
}

void AddSeries(std::string& text, std::string_view metric,
               std::string_view controller, std::uint64_t value) {
  text.append(metric)
      .append("{controller=\"")
      .append(controller)
      .append("\"} ")
      .append(std::to_string(value))
      .append("\n");
}

}  // namespace

Result<std::unique_ptr<net::HttpServer>> StartHealthServer(
    const std::string& address, std::uint16_t port, HealthProbes probes) {
  net::HttpServerOptions options;
  options.address = address;
  options.port = port;
  options.connections_max = 16;
  auto server = net::HttpServer::Start(
      options, [probes = std::move(probes)](const net::HttpRequest& request) {
        return Answer(probes, request.path);
      });
  if (!server.ok()) {
    return std::move(server).error().Wrap("health checks cannot listen");
  }
  return server;
}

std::string FormatMetrics(bool leading, std::size_t datasets,
                          const ControllerMetrics& controllers) {
  std::string text = "# TYPE datashim_operator_leading gauge\n";
  text += "datashim_operator_leading " + std::to_string(leading ? 1 : 0) + "\n";
  text += "# TYPE datashim_datasets gauge\n";
  text += "datashim_datasets " + std::to_string(datasets) + "\n";

  text += "# TYPE datashim_reconciles_total counter\n";
  for (const auto& [name, metrics] : controllers) {
    AddSeries(text, "datashim_reconciles_total", name, metrics.reconciles);
  }
  text += "# TYPE datashim_reconcile_errors_total counter\n";
  for (const auto& [name, metrics] : controllers) {
    AddSeries(text, "datashim_reconcile_errors_total", name, metrics.errors);
  }
  text += "# TYPE datashim_queue_depth gauge\n";
  for (const auto& [name, metrics] : controllers) {
    AddSeries(text, "datashim_queue_depth", name, metrics.queue.depth);
  }
  return text;
}

}  // namespace datashim::controllers
