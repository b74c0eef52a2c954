#include "apiserver.h"

#include <filesystem>
#include <fstream>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/strings.h"
#include "net/http_client.h"
#include "net/url.h"

namespace datashim::integration {
namespace {

constexpr Duration kStartTimeout = std::chrono::seconds(120);
constexpr Duration kPollInterval = std::chrono::milliseconds(100);
// They open a server that only this machine reaches, for as long as a test.
constexpr const char* kAdminToken = "admin-token";
constexpr const char* kNobodyToken = "nobody-token";

std::string LoopbackUrl(const std::string& scheme, std::uint16_t port) {
  return scheme + "://127.0.0.1:" + std::to_string(port);
}

Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (file.good()) return OkStatus();
  return Error{ErrorCode::kInternal, "cannot write " + path};
}

}  // namespace

ApiServer::ApiServer(std::string directory,
                     std::vector<std::string> extra_flags)
    : directory_(std::move(directory)),
      extra_flags_(std::move(extra_flags)),
      url_(LoopbackUrl("https", apiserver_port_.port())),
      authority_("test authority") {}

ApiServer::~ApiServer() {
  apiserver_.reset();
  etcd_.reset();
  std::filesystem::remove_all(directory_);
}

Result<std::unique_ptr<ApiServer>> ApiServer::Start(
    std::vector<std::string> extra_flags) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "apiserver-XXXXXX").string();
  DS_CHECK(mkdtemp(pattern.data()) != nullptr);
  std::unique_ptr<ApiServer> server(
      new ApiServer(pattern, std::move(extra_flags)));
  DS_RETURN_IF_ERROR(server->WriteFiles());
  DS_RETURN_IF_ERROR(server->StartEtcd());
  DS_RETURN_IF_ERROR(server->StartApiServer());
  return server;
}

Status ApiServer::WriteFiles() const {
  const net::TestCertificate serving =
      authority_.Issue("kube-apiserver", {"IP:127.0.0.1", "DNS:localhost"});
  const net::TestCertificate signing = authority_.Issue("accounts", {});
  const std::string kubeconfig =
      "apiVersion: v1\nkind: Config\ncurrent-context: test\n"
      "clusters: [{name: test, cluster: {server: '" +
      url_ +
      "', certificate-authority: ca.crt}}]\n"
      "users: [{name: admin, user: {token: " +
      kAdminToken +
      "}}]\n"
      "contexts: [{name: test, context: {cluster: test, user: admin}}]\n";
  const std::string tokens = std::string(kAdminToken) +
                             ",admin,1,\"system:masters\"\n" + kNobodyToken +
                             ",nobody,2\n";
  const std::pair<const char*, std::string> files[] = {
      {"ca.crt", authority_.ca_pem()},
      {"serving.crt", serving.chain_pem},
      {"serving.key", serving.key_pem.Reveal()},
      {"accounts.crt", signing.chain_pem},
      {"accounts.key", signing.key_pem.Reveal()},
      {"tokens.csv", tokens},
      {"kubeconfig", kubeconfig}};
  for (const auto& [name, text] : files) {
    DS_RETURN_IF_ERROR(WriteFile(File(name), text));
  }
  return OkStatus();
}

Status ApiServer::StartEtcd() {
  DS_ASSIGN_OR_RETURN(const std::string program, ClusterProgram("etcd"));
  const std::string url = LoopbackUrl("http", etcd_port_.port());
  const std::string peer_url = LoopbackUrl("http", etcd_peer_port_.port());
  DS_ASSIGN_OR_RETURN(
      etcd_,
      ChildProcess::Start(
          {program, "--data-dir=" + File("etcd"), "--unsafe-no-fsync",
           "--socket-reuse-port", "--log-level=warn",
           "--listen-client-urls=" + url, "--advertise-client-urls=" + url,
           "--listen-peer-urls=" + peer_url,
           "--initial-advertise-peer-urls=" + peer_url,
           "--initial-cluster=default=" + peer_url},
          File("etcd.log")));
  return WaitUntilReady(url + "/readyz", *etcd_, File("etcd.log"));
}

Status ApiServer::StartApiServer() {
  DS_ASSIGN_OR_RETURN(const std::string program,
                      ClusterProgram("kube-apiserver"));
  std::vector<std::string> arguments = {
      program,
      "--etcd-servers=" + LoopbackUrl("http", etcd_port_.port()),
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      "--secure-port=" + std::to_string(apiserver_port_.port()),
      "--permit-port-sharing",
      "--tls-cert-file=" + File("serving.crt"),
      "--tls-private-key-file=" + File("serving.key"),
      "--client-ca-file=" + File("ca.crt"),
      "--token-auth-file=" + File("tokens.csv"),
      "--service-account-issuer=https://localhost",
      "--service-account-key-file=" + File("accounts.crt"),
      "--service-account-signing-key-file=" + File("accounts.key"),
      "--service-cluster-ip-range=10.0.0.0/24",
      "--authorization-mode=RBAC",
      "--disable-admission-plugins=ServiceAccount",
      "--allow-privileged"};
  arguments.insert(arguments.end(), extra_flags_.begin(), extra_flags_.end());
  DS_ASSIGN_OR_RETURN(
      apiserver_, ChildProcess::Start(arguments, File("kube-apiserver.log")));
  return WaitUntilReady(url_ + "/readyz", *apiserver_,
                        File("kube-apiserver.log"));
}

Status ApiServer::WaitUntilReady(const std::string& url, ChildProcess& process,
                                 const std::string& log_file) const {
  net::HttpClientOptions options;
  options.tls.ca_bundle_pem = authority_.ca_pem();
  DS_ASSIGN_OR_RETURN(const auto http, net::HttpClient::Make(options));
  DS_ASSIGN_OR_RETURN(const net::Url parsed, net::ParseUrl(url));
  const auto deadline = Deadline::After(kStartTimeout);
  while (!deadline.HasPassed() && process.IsRunning()) {
    net::HttpCall call;
    call.origin = parsed.origin;
    call.target = parsed.Target();
    call.deadline = Deadline::After(std::chrono::seconds(2));
    call.headers.Add("Authorization", std::string("Bearer ") + kAdminToken);
    const auto response = http->Fetch(call, 1u << 20);
    if (response.ok() && response->status == 200) return OkStatus();
    SystemClock().SleepFor(kPollInterval, {});
  }
  return Error{ErrorCode::kUnavailable,
               url + " does not become ready:\n" + TailOf(log_file)};
}

void ApiServer::Kill() { apiserver_->Kill(); }

Status ApiServer::Restart() {
  Kill();
  return StartApiServer();
}

kube::Config ApiServer::BaseConfig() const {
  kube::Config config;
  config.server = url_;
  config.ca_pem = authority_.ca_pem();
  return config;
}

kube::Config ApiServer::AdminConfig() const {
  kube::Config config = BaseConfig();
  config.token = SecretString(kAdminToken);
  return config;
}

kube::Config ApiServer::NobodyConfig() const {
  kube::Config config = BaseConfig();
  config.token = SecretString(kNobodyToken);
  return config;
}

kube::Config ApiServer::CertificateConfig(const std::string& name) const {
  net::TestCertificate certificate = authority_.Issue(name, {});
  kube::Config config = BaseConfig();
  config.client_certificate_pem = std::move(certificate.chain_pem);
  config.client_key_pem = std::move(certificate.key_pem);
  return config;
}

std::unique_ptr<kube::Client> ApiServer::AdminClient() const {
  auto client = kube::Client::Make(
      AdminConfig(), {.requests_per_second = 10'000, .requests_burst = 10'000});
  DS_CHECK(client.ok());
  return std::move(*client);
}

}  // namespace datashim::integration
