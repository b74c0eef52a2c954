#include "minio.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "s3/client.h"

namespace datashim::integration {
namespace {

Deadline Soon() { return Deadline::After(std::chrono::seconds(5)); }

std::shared_ptr<s3::S3Client> ClientOf(const Minio& minio) {
  s3::S3Config config;
  config.endpoint = minio.endpoint();
  auto client = s3::S3Client::Make(
      config,
      std::make_shared<s3::UpdatableCredentials>(s3::Credentials{
          SecretString(minio.keys().access_key_id),
          SecretString(minio.keys().secret_access_key), SecretString()}));
  DS_CHECK(client.ok());
  return *std::move(client);
}

}  // namespace

Minio::Minio(std::string directory)
    : directory_(std::move(directory)),
      endpoint_("http://127.0.0.1:" + std::to_string(port_)) {}

Minio::~Minio() {
  process_.reset();
  std::filesystem::remove_all(directory_);
}

Result<std::unique_ptr<Minio>> Minio::Start(Keys keys) {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "minio-XXXXXX").string();
  DS_CHECK(mkdtemp(pattern.data()) != nullptr);
  std::unique_ptr<Minio> minio(new Minio(pattern));
  DS_RETURN_IF_ERROR(minio->Run(std::move(keys)));
  return minio;
}

Status Minio::RestartWith(Keys keys) {
  process_->Kill();
  return Run(std::move(keys));
}

Status Minio::Run(Keys keys) {
  keys_ = std::move(keys);
  DS_ASSIGN_OR_RETURN(const std::string program, ClusterProgram("minio"));
  setenv("MINIO_ROOT_USER", keys_.access_key_id.c_str(), 1);
  setenv("MINIO_ROOT_PASSWORD", keys_.secret_access_key.c_str(), 1);
  const std::string log = directory_ + "/minio.log";
  DS_ASSIGN_OR_RETURN(
      process_,
      ChildProcess::Start(
          {program, "server", "--address",
           "127.0.0.1:" + std::to_string(port_), directory_ + "/data"},
          log));
  const auto deadline = Deadline::After(std::chrono::seconds(60));
  const auto client = ClientOf(*this);
  while (!deadline.HasPassed() && process_->IsRunning()) {
    const Status answer = client->ProbeBucket("ready-yet", "", Soon());
    if (!answer.ok() && answer.error().code == ErrorCode::kNotFound) {
      return OkStatus();
    }
    SystemClock().SleepFor(std::chrono::milliseconds(50), {});
  }
  return Error{ErrorCode::kUnavailable,
               "MinIO does not become ready:\n" + TailOf(log)};
}

Status Minio::MakeBucket(const std::string& bucket) const {
  return ClientOf(*this)->CreateBucket(bucket, {}, Soon());
}

Status Minio::CheckBucket(const std::string& bucket) const {
  return ClientOf(*this)->ProbeBucket(bucket, "", Soon());
}

}  // namespace datashim::integration
