#include "s3/client.h"

#include <utility>

#include "base/strings.h"
#include "s3/client_impl.h"
#include "s3/object_rules.h"
#include "s3/xml.h"

namespace datashim::s3 {

S3Client::S3Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
S3Client::~S3Client() = default;

Result<std::shared_ptr<S3Client>> S3Client::Make(
    S3Config config, std::shared_ptr<CredentialProvider> credentials,
    Clock& clock) {
  DS_ASSIGN_OR_RETURN(
      Endpoint endpoint,
      ParseEndpoint(config.endpoint, config.region, config.path_style));
  net::HttpClientOptions options;
  options.tls = config.tls;
  options.connections_max = config.connections_max;
  options.connect_timeout = config.connect_timeout;
  auto http = net::HttpClient::Make(std::move(options));
  if (!http.ok()) return http.error().Wrap("endpoint " + endpoint.ToString());
  return std::shared_ptr<S3Client>(new S3Client(std::make_unique<Impl>(
      config, std::move(endpoint), std::move(http).value(),
      std::move(credentials), clock)));
}

Status S3Client::ProbeBucket(const std::string& bucket,
                             const std::string& prefix, Deadline deadline) {
  DS_RETURN_IF_ERROR(CheckBucketName(bucket));
  Operation operation;
  operation.bucket = bucket;
  operation.query = {{"list-type", "2"}, {"max-keys", "1"}};
  if (!prefix.empty()) operation.query.emplace_back("prefix", prefix);
  auto answer = impl_->Run(operation, deadline);
  if (!answer.ok()) {
    Error error = std::move(answer).error();
    // Whoever probes gave a short deadline on purpose: who misses it is away.
    if (error.code == ErrorCode::kDeadlineExceeded) {
      error.code = ErrorCode::kUnavailable;
    }
    return error;
  }
  if (auto page = ParseListPage(answer->body); !page.ok()) {
    return page.error().Wrap("bucket \"" + bucket + "\" at " + endpoint());
  }
  return OkStatus();
}

Status S3Client::CreateBucket(const std::string& bucket,
                              const BucketOptions& options, Deadline deadline) {
  DS_RETURN_IF_ERROR(CheckBucketName(bucket));
  const std::string& region =
      options.region.empty() ? impl_->configured_region() : options.region;
  std::string body;
  // S3 refuses the name of its first region here.
  if (!region.empty() && region != "us-east-1") {
    body = FormatCreateBucket(region);
  }
  Operation operation;
  operation.method = "PUT";
  operation.bucket = bucket;
  operation.body = body;
  auto answer = impl_->Run(operation, deadline);
  if (answer.ok()) return OkStatus();
  if (answer.error().code != ErrorCode::kAlreadyExists) return answer.error();
  // Servers differ in what they say to an owner: who may list it, has it.
  if (ProbeBucket(bucket, "", deadline).ok()) return OkStatus();
  return std::move(answer).error();
}

Status S3Client::DeleteBucket(const std::string& bucket, Deadline deadline) {
  Operation operation;
  operation.method = "DELETE";
  operation.bucket = bucket;
  auto answer = impl_->Run(operation, deadline);
  if (answer.ok() || answer.error().code == ErrorCode::kNotFound) {
    return OkStatus();
  }
  return std::move(answer).error();
}

Status S3Client::TagBucket(const std::string& bucket, const std::string& key,
                           const std::string& value, Deadline deadline) {
  Operation operation;
  operation.method = "PUT";
  operation.bucket = bucket;
  operation.query = {{"tagging", ""}};
  const std::string body = FormatTag(key, value);
  operation.body = body;
  operation.headers = {{"Content-Type", "application/xml"}};
  if (const auto md5 = Md5(body)) {
    operation.headers.emplace_back("Content-MD5", Base64Encode(*md5));
  }
  auto answer = impl_->Run(operation, deadline);
  if (answer.ok()) return OkStatus();
  return std::move(answer).error();
}

Result<std::string> S3Client::BucketTag(const std::string& bucket,
                                        const std::string& key,
                                        Deadline deadline) {
  Operation operation;
  operation.bucket = bucket;
  operation.query = {{"tagging", ""}};
  auto answer = impl_->Run(operation, deadline);
  if (!answer.ok()) {
    // S3's way to say that there are no tags (NoSuchTagSet).
    if (answer.error().code == ErrorCode::kNotFound) return std::string();
    return std::move(answer).error();
  }
  return ParseTag(answer->body, key);
}

const std::string& S3Client::endpoint() const { return impl_->endpoint_text(); }

void S3Client::RequestStop() { impl_->RequestStop(); }

}  // namespace datashim::s3
