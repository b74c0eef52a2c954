#include "operator/bucket_probe.h"

#include <memory>
#include <utility>

#include "base/log.h"
#include "operator/names.h"
#include "s3/client.h"
#include "volume/bucket_client.h"
#include "volume/volume_credentials.h"

namespace datashim::controllers {
namespace {

s3::S3Config ConfigFor(const dataset::VolumeConfig& config) {
  s3::S3Config s3_config = volume::S3ConfigOf(config);
  s3_config.connections_max = 1;
  s3_config.connect_timeout = std::chrono::seconds(2);
  s3_config.idle_timeout = std::chrono::seconds(4);
  s3_config.attempts_max = 2;  // The provisioner itself tries again.
  return s3_config;
}

std::string_view ReasonOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return reason::kBucketNotFound;
    case ErrorCode::kUnauthenticated:
      return reason::kCredentialsInvalid;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kAlreadyExists:  // Somebody else's bucket.
      return reason::kAccessDenied;
    case ErrorCode::kInvalidArgument:
      return reason::kInvalidSpec;
    default:
      return reason::kUnreachable;
  }
}

/// Some servers have no tags, and some keys may not set them: the bucket can be
/// used all the same.
void Tag(s3::S3Client& client, const std::string& bucket,
         const std::string& owner, Deadline deadline) {
  const Status tagged =
      client.TagBucket(bucket, std::string(kMadeForTag), owner, deadline);
  if (tagged.ok()) return;
  log::Warn("a new bucket has no tag that says for whom it was made",
            {{"bucket", bucket}, {"error", tagged.error().message}});
}

}  // namespace

BucketVerdict ExplainProbe(const Status& status) {
  BucketVerdict verdict;
  if (status.ok()) {
    verdict.credentials_valid = true;
    return verdict;
  }
  verdict.reason = ReasonOf(status.error().code);
  verdict.message = status.error().message;
  if (verdict.reason == reason::kBucketNotFound) {
    verdict.credentials_valid = true;
  } else if (verdict.reason == reason::kCredentialsInvalid ||
             verdict.reason == reason::kAccessDenied) {
    verdict.credentials_valid = false;
  }
  return verdict;
}

BucketVerdict ProbeBucket(const dataset::VolumeConfig& config,
                          const std::optional<std::string>& make_for,
                          Deadline deadline) {
  deadline = deadline.Min(Deadline::After(kProbeTimeout));
  auto credentials = volume::VolumeCredentials::Make(config);
  if (!credentials.ok()) return ExplainProbe(credentials.error());
  auto client = s3::S3Client::Make(ConfigFor(config), *std::move(credentials));
  if (!client.ok()) return ExplainProbe(client.error());

  Status status =
      (*client)->ProbeBucket(config.bucket, config.prefix, deadline);
  bool created = false;
  if (!status.ok() && status.error().code == ErrorCode::kNotFound && make_for) {
    status = (*client)->CreateBucket(config.bucket, {config.region}, deadline);
    created = status.ok();
    if (created) {
      Tag(**client, config.bucket, *make_for, deadline);
      status = (*client)->ProbeBucket(config.bucket, config.prefix, deadline);
    }
  }
  BucketVerdict verdict = ExplainProbe(status);
  verdict.created = created;
  return verdict;
}

}  // namespace datashim::controllers
