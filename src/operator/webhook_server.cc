#include "operator/webhook_server.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/thread_pool.h"
#include "operator/certificate_controller.h"
#include "operator/names.h"

namespace datashim::controllers {
namespace {

/// The API server gives up after 10 s; an answer with a reason comes before.
constexpr std::chrono::seconds kApiTimeout{3};
/// How often the Secret is read: until it is there, and after.
constexpr std::chrono::milliseconds kCertificateWait{250};
constexpr std::chrono::seconds kCertificateInterval{60};
constexpr std::chrono::seconds kDrain{5};

net::HttpResponse Text(int status, std::string text) {
  return {status, {{"Content-Type", "text/plain"}}, std::move(text)};
}

}  // namespace

WebhookServer::WebhookServer(const WebhookServerOptions& options,
                             kube::Client& client,
                             const kube::Informer& datasets, Clock& clock)
    : certificate_secret_(options.certificate_secret),
      client_(client),
      datasets_(datasets),
      clock_(clock) {}

Result<std::unique_ptr<WebhookServer>> WebhookServer::Start(
    const WebhookServerOptions& options, kube::Client& client,
    const kube::Informer& datasets, Clock& clock) {
  std::unique_ptr<WebhookServer> webhook(
      new WebhookServer(options, client, datasets, clock));
  net::HttpServerOptions http;
  http.address = options.address;
  http.port = options.port;
  http.tls = true;
  http.body_bytes_max = webhook::kReviewBytesMax;
  auto server = net::HttpServer::Start(
      http, [self = webhook.get()](const net::HttpRequest& request) {
        return self->Handle(request);
      });
  if (!server.ok()) {
    return std::move(server).error().Wrap("the webhook cannot listen");
  }
  webhook->server_ = *std::move(server);
  webhook->loader_ = std::jthread([self = webhook.get()](std::stop_token stop) {
    SetThreadName("certificates");
    self->LoadCertificates(stop);
  });
  return webhook;
}

WebhookServer::~WebhookServer() { Stop(); }

void WebhookServer::Stop() {
  if (loader_.joinable()) {
    loader_.request_stop();
    loader_.join();
  }
  if (server_ != nullptr) server_->Stop(kDrain);
}

net::HttpResponse WebhookServer::Handle(const net::HttpRequest& request) {
  if (request.path != kWebhookPath) return Text(404, "no such path\n");
  if (request.method != "POST") return Text(405, "POST only\n");

  auto reviewed = webhook::Review(
      request.body,
      [this](const std::string& namespace_name, const std::string& name) {
        return Lookup(namespace_name, name);
      });
  if (!reviewed.ok()) {
    log::Warn("admission review is refused",
              {{"error", reviewed.error().message}});
    return Text(400, reviewed.error().message + "\n");
  }
  for (const std::string& name : reviewed->env_datasets) {
    const Status asked = AskForEnvSecret({reviewed->namespace_name, name});
    if (asked.ok()) continue;
    log::Warn("the Secret for a pod's environment cannot be asked for",
              {{"dataset", reviewed->namespace_name + "/" + name},
               {"error", asked.error().message}});
    return Text(500, asked.error().message + "\n");
  }
  return {200,
          {{"Content-Type", "application/json"}},
          std::move(reviewed->response)};
}

/// The copy may lag behind by a moment, so absence is checked with the API
/// server: nobody is told that the Dataset they just made does not exist.
Result<dataset::Dataset> WebhookServer::Lookup(
    const std::string& namespace_name, const std::string& name) {
  if (const kube::ObjectPtr known = datasets_.Get({namespace_name, name})) {
    return dataset::ParseDataset(*known);
  }
  DS_ASSIGN_OR_RETURN(const kube::Json live,
                      client_.Get(kDatasets, {namespace_name, name},
                                  Deadline::After(kApiTimeout, clock_)));
  return dataset::ParseDataset(live);
}

/// The leader makes the Secret when it sees the annotation. A replica that
/// does not lead must write nothing else.
Status WebhookServer::AskForEnvSecret(const kube::ObjectKey& key) {
  const kube::ObjectPtr known = datasets_.Get(key);
  if (known != nullptr &&
      !kube::AnnotationOf(*known, kEnvSecretAnnotation).empty()) {
    return OkStatus();
  }
  kube::Json patch;
  patch["metadata"]["annotations"][kEnvSecretAnnotation] = "requested";
  const auto patched =
      client_.Patch(kDatasets, key, kube::PatchType::kMerge, patch,
                    Deadline::After(kApiTimeout, clock_));
  if (!patched.ok()) return patched.error();
  return OkStatus();
}

void WebhookServer::LoadCertificates(std::stop_token stop) {
  std::string loaded_chain;
  std::string told;
  Duration wait{};
  while (clock_.SleepFor(wait, stop)) {
    const Status status = LoadCertificate(loaded_chain);
    has_certificate_ = !loaded_chain.empty();
    wait = has_certificate_ ? Duration(kCertificateInterval)
                            : Duration(kCertificateWait);
    const std::string problem = status.ok() ? "" : status.error().message;
    if (!problem.empty() && problem != told) {
      log::Warn("no new webhook certificate", {{"error", problem}});
    }
    told = problem;
  }
}

Status WebhookServer::LoadCertificate(std::string& loaded_chain) {
  DS_ASSIGN_OR_RETURN(const kube::Json secret,
                      client_.Get(kube::kSecrets, certificate_secret_,
                                  Deadline::After(kApiTimeout, clock_)));
  DS_ASSIGN_OR_RETURN(const webhook::CertificateSet set,
                      CertificatesIn(secret));
  if (set.server.certificate_pem == loaded_chain) return OkStatus();
  DS_RETURN_IF_ERROR(server_->SetCertificate(
      {set.server.certificate_pem, set.server.private_key_pem}));
  loaded_chain = set.server.certificate_pem;
  log::Info("webhook certificate is loaded");
  return OkStatus();
}

}  // namespace datashim::controllers
