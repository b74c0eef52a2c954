#include "node/node.h"

#include <memory>
#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "csi/server.h"
#include "keeper/client.h"
#include "net/http_server.h"
#include "node/node_volume_host.h"
#include "sys/service.h"

namespace datashim::node {
namespace {

// The keeper is another pod, which may start later.
constexpr std::chrono::seconds kKeeperTimeout{60};
constexpr std::chrono::seconds kStartTimeout{60};
constexpr std::chrono::seconds kDrainTimeout{5};

Result<std::unique_ptr<net::HttpServer>> ServeHealth(std::uint16_t port,
                                                     NodeVolumeHost& host) {
  net::HttpServerOptions options;
  options.address = "::";
  options.port = port;
  const auto handler = [&host](const net::HttpRequest& request) {
    if (request.path != "/healthz") {
      return net::HttpResponse{.status = 404, .headers = {}, .body = ""};
    }
    const Status ready = host.Ready();
    if (ready.ok()) {
      return net::HttpResponse{.status = 200, .headers = {}, .body = "ok\n"};
    }
    return net::HttpResponse{
        .status = 503, .headers = {}, .body = ready.error().message + "\n"};
  };
  auto server = net::HttpServer::Start(options, handler);
  if (server.ok()) return server;
  options.address = "0.0.0.0";  // A machine without IPv6.
  return net::HttpServer::Start(options, handler);
}

Status Run(const NodeOptions& options, std::stop_token stop) {
  DS_ASSIGN_OR_RETURN(const auto keeper,
                      keeper::Client::Connect(options.keeper_socket,
                                              Deadline::After(kKeeperTimeout)));
  VolumeHostOptions host_options;
  host_options.mounts_dir = options.plugin_dir + "/mounts";
  host_options.file_system.memory_bytes_max = options.memory_bytes_max;
  host_options.cache = options.cache;
  host_options.tokens = options.tokens;
  NodeVolumeHost host(*keeper, std::move(host_options));
  DS_RETURN_IF_ERROR(host.EndFormerMounts(Deadline::After(kStartTimeout)));
  DS_RETURN_IF_ERROR(host.Ready());
  csi::ServerOptions server_options;
  server_options.socket_path = options.plugin_dir + "/csi.sock";
  server_options.node_id = options.node_name;
  server_options.plugins_registry_dir = options.registry_dir;
  DS_ASSIGN_OR_RETURN(const auto server,
                      csi::Server::Start(server_options, &host, nullptr));
  std::unique_ptr<net::HttpServer> health;
  if (options.health_port != 0) {
    DS_ASSIGN_OR_RETURN(health, ServeHealth(options.health_port, host));
  }
  log::Info("the node serves", {{"node", options.node_name}});
  SystemClock().SleepFor(std::chrono::hours(24 * 365 * 100), stop);
  log::Info("the node stops");
  server->Stop(Deadline::After(kDrainTimeout));
  return OkStatus();
}

}  // namespace

int RunNode(const NodeOptions& options) {
  return sys::RunService("node", options.log_level, [&](std::stop_token stop) {
    return Run(options, std::move(stop));
  });
}

}  // namespace datashim::node
