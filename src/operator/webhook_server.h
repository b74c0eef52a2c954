// WebhookServer: HTTPS for the pod webhook. Finds Datasets, asks for the
// Secrets that pods want, and loads the certificates that the leader keeps.
// What a pod gets is decided in webhook/review.h.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "dataset/dataset.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "net/http_message.h"
#include "net/http_server.h"
#include "webhook/review.h"

namespace datashim::controllers {

/// Path of the webhook, as upstream.
inline constexpr std::string_view kWebhookPath = "/mutate-v1-pod";

/// Where the webhook listens and where its certificates are.
struct WebhookServerOptions {
  std::string address = "::";
  std::uint16_t port = 9443;
  kube::ObjectKey certificate_secret;
};

/// Runs in every replica. Thread-safe.
class WebhookServer {
 public:
  /// Listens when it returns; answers as soon as certificates are there.
  /// `client`, `datasets` and `clock` outlive the server.
  static Result<std::unique_ptr<WebhookServer>> Start(
      const WebhookServerOptions& options, kube::Client& client,
      const kube::Informer& datasets, Clock& clock);
  WebhookServer(const WebhookServer&) = delete;
  WebhookServer& operator=(const WebhookServer&) = delete;
  /// Stop().
  ~WebhookServer();

  std::uint16_t port() const { return server_->port(); }
  /// True once there is a certificate to show.
  bool has_certificate() const { return has_certificate_; }

  /// Goes on to answer, but keeps no connection: the API server's next one may
  /// lead to another replica.
  void Resign() { server_->EndKeepAlive(); }

  /// Lets reviews under way finish. Idempotent.
  void Stop();

 private:
  WebhookServer(const WebhookServerOptions& options, kube::Client& client,
                const kube::Informer& datasets, Clock& clock);

  net::HttpResponse Handle(const net::HttpRequest& request);
  Result<dataset::Dataset> Lookup(const std::string& namespace_name,
                                  const std::string& name);
  Status AskForEnvSecret(const kube::ObjectKey& key);
  void LoadCertificates(std::stop_token stop);
  Status LoadCertificate(std::string& loaded_chain);

  const kube::ObjectKey certificate_secret_;
  kube::Client& client_;
  const kube::Informer& datasets_;
  Clock& clock_;
  std::atomic<bool> has_certificate_ = false;
  std::unique_ptr<net::HttpServer> server_;
  std::jthread loader_;
};

}  // namespace datashim::controllers
