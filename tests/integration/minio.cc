#include "minio.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/strings.h"
#include "net/http_client.h"
#include "net/url.h"
#include "s3/credentials.h"
#include "s3/sigv4.h"

namespace datashim::integration {
namespace {

constexpr Duration kStartTimeout = std::chrono::seconds(60);
constexpr int kStartAttemptsMax = 3;
constexpr Duration kPollInterval = std::chrono::milliseconds(50);

std::string MakeDirectory() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "minio-XXXXXX").string();
  DS_CHECK(::mkdtemp(pattern.data()) != nullptr);
  return pattern;
}

}  // namespace

Minio::Minio(std::string directory, Protocol protocol, std::uint16_t port,
             std::vector<std::string> settings)
    : directory_(std::move(directory)),
      protocol_(protocol),
      authority_("test authority"),
      port_(port),
      url_((protocol == Protocol::kHttps ? "https://127.0.0.1:"
                                         : "http://127.0.0.1:") +
           std::to_string(port_)),
      settings_(std::move(settings)) {}

Minio::~Minio() {
  process_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Result<std::unique_ptr<Minio>> Minio::Start(Protocol protocol,
                                            std::vector<std::string> settings) {
  // MinIO shares its port with nobody, so it gets one that was free just now;
  // somebody may be faster.
  for (int attempt = 1;; ++attempt) {
    const std::uint16_t port = ReservedPort().port();
    std::unique_ptr<Minio> minio(
        new Minio(MakeDirectory(), protocol, port, settings));
    DS_RETURN_IF_ERROR(minio->WriteCertificate());
    auto status = minio->Restart();
    if (status.ok()) return minio;
    if (attempt == kStartAttemptsMax) return std::move(status).error();
  }
}

Status Minio::WriteCertificate() const {
  std::filesystem::create_directories(File("certs"));
  if (protocol_ == Protocol::kHttp) return OkStatus();
  const net::TestCertificate serving =
      authority_.Issue("minio", {"IP:127.0.0.1", "DNS:localhost"});
  std::ofstream(File("certs/public.crt")) << serving.chain_pem;
  std::ofstream(File("certs/private.key")) << serving.key_pem.Reveal();
  return OkStatus();
}

Status Minio::Restart(const std::string& access_key,
                      const std::string& secret_key) {
  process_.reset();
  DS_ASSIGN_OR_RETURN(const std::string program, ClusterProgram("minio"));
  std::vector<std::string> command = {"/usr/bin/env",
                                      "MINIO_ROOT_USER=" + access_key,
                                      "MINIO_ROOT_PASSWORD=" + secret_key,
                                      "MINIO_BROWSER=off", "MINIO_UPDATE=off"};
  command.insert(command.end(), settings_.begin(), settings_.end());
  for (const std::string& argument :
       {program, std::string("server"), std::string("--quiet"),
        "--address=127.0.0.1:" + std::to_string(port_),
        "--certs-dir=" + File("certs"), File("data")}) {
    command.push_back(argument);
  }
  DS_ASSIGN_OR_RETURN(process_, ChildProcess::Start(command, File("log")));
  return WaitUntilReady();
}

Status Minio::AllowWithoutKeys(const std::string& bucket,
                               const std::vector<std::string>& actions) const {
  std::string list;
  for (const std::string& action : actions) {
    list += (list.empty() ? "\"" : ",\"") + action + "\"";
  }
  const std::string resource = "\"arn:aws:s3:::" + bucket;
  const std::string policy =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow",)"
      R"("Principal":{"AWS":["*"]},"Action":[)" +
      list + R"(],"Resource":[)" + resource + "\"," + resource + "/*\"]}]}";
  DS_ASSIGN_OR_RETURN(const net::Url url, net::ParseUrl(url_));
  const std::string hash = s3::Sha256Hex(policy);
  const std::string date = s3::AmzDate(SystemClock().WallNow());
  const s3::Parameters signed_headers = {{"host", url.origin.HostHeader()},
                                         {"x-amz-content-sha256", hash},
                                         {"x-amz-date", date}};
  net::HttpCall call;
  call.method = "PUT";
  call.origin = url.origin;
  call.target = "/" + bucket + "?policy=";
  call.body = policy;
  call.deadline = Deadline::After(kStartTimeout);
  call.headers = {{"x-amz-content-sha256", hash},
                  {"x-amz-date", date},
                  {"Authorization",
                   s3::SigV4Signer("s3").Authorize(
                       {"PUT", "/" + bucket, "policy=", signed_headers, hash},
                       {SecretString(kAccessKey), SecretString(kSecretKey), {}},
                       "us-east-1", date)}};
  net::HttpClientOptions options;
  options.tls.ca_bundle_pem = ca_pem();
  DS_ASSIGN_OR_RETURN(const auto client, net::HttpClient::Make(options));
  DS_ASSIGN_OR_RETURN(const auto answer, client->Fetch(call, 65536));
  if (answer.status / 100 == 2) return OkStatus();
  return Error{ErrorCode::kInternal,
               "policy of \"" + bucket + "\": " + answer.body};
}

Status Minio::AddPolicy(const std::string& name,
                        const std::vector<std::string>& actions) {
  const std::string body =
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[")" +
      Join(actions, "\",\"") + R"("],"Resource":["arn:aws:s3:::*"]}]})";
  DS_ASSIGN_OR_RETURN(const auto http, net::HttpClient::Make({}));
  DS_ASSIGN_OR_RETURN(const net::Url url, net::ParseUrl(url_));
  const std::string path = "/minio/admin/v3/add-canned-policy";
  const std::string query = s3::CanonicalQuery({{"name", name}});
  const std::string date = s3::AmzDate(SystemClock().WallNow());
  const std::string hash = s3::Sha256Hex(body);
  const std::string authorization = s3::SigV4Signer("s3").Authorize(
      {"PUT",
       path,
       query,
       {{"host", url.origin.HostHeader()},
        {"x-amz-content-sha256", hash},
        {"x-amz-date", date}},
       hash},
      {SecretString(kAccessKey), SecretString(kSecretKey), {}}, "us-east-1",
      date);
  net::HttpCall call;
  call.method = "PUT";
  call.origin = url.origin;
  call.target = path + "?" + query;
  call.headers = {{"Authorization", authorization},
                  {"x-amz-content-sha256", hash},
                  {"x-amz-date", date}};
  call.body = body;
  call.deadline = Deadline::After(std::chrono::seconds(10));
  DS_ASSIGN_OR_RETURN(const auto response, http->Fetch(call, 1u << 16));
  if (response.status == 200) return OkStatus();
  return Error{ErrorCode::kUnknown, response.body};
}

Status Minio::WaitUntilReady() {
  net::HttpClientOptions options;
  options.tls.insecure_skip_verify = true;
  DS_ASSIGN_OR_RETURN(const auto http, net::HttpClient::Make(options));
  DS_ASSIGN_OR_RETURN(const net::Url url, net::ParseUrl(url_));
  const auto deadline = Deadline::After(kStartTimeout);
  while (!deadline.HasPassed() && process_->IsRunning()) {
    net::HttpCall call;
    call.origin = url.origin;
    call.target = "/minio/health/cluster";
    call.deadline = Deadline::After(std::chrono::seconds(2));
    const auto response = http->Fetch(call, 1u << 16);
    if (response.ok() && response->status == 200) return OkStatus();
    SystemClock().SleepFor(kPollInterval, {});
  }
  return Error{ErrorCode::kUnavailable,
               "minio does not come up: " + TailOf(File("log"))};
}

}  // namespace datashim::integration
