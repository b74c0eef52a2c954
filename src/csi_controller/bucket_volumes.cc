#include "csi_controller/bucket_volumes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <array>
#include <cstdio>
#include <memory>

#include "base/clock.h"
#include "s3/client.h"
#include "s3/credentials.h"
#include "volume/bucket_client.h"
#include "volume/volume_credentials.h"

namespace datashim::csi_controller {
namespace {

constexpr std::chrono::seconds kTimeout{20};
constexpr char kSeparator = '-';

using ClientPtr = std::shared_ptr<s3::S3Client>;

Result<ClientPtr> ClientFor(const dataset::VolumeConfig& config) {
  DS_ASSIGN_OR_RETURN(auto credentials,
                      volume::VolumeCredentials::Make(config));
  return s3::S3Client::Make(volume::S3ConfigOf(config), std::move(credentials));
}

// 16 hex digits.
std::string Hash(const std::string& text) {
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx",
                static_cast<unsigned long long>(
                    XXH64(text.data(), text.size(), /*seed=*/0)));
  return digits.data();
}

// Of what says where the data is; keys, modes and TLS may change.
std::string PlaceHash(const dataset::VolumeConfig& config) {
  return Hash(config.endpoint + '\n' + config.bucket + '\n' + config.prefix);
}

}  // namespace

std::string VolumeIdOf(const dataset::VolumeConfig& config,
                       const std::string& name) {
  return PlaceHash(config) + kSeparator + Hash(name);
}

bool IsVolumeOf(const dataset::VolumeConfig& config,
                const std::string& volume_id) {
  return volume_id.starts_with(PlaceHash(config) + kSeparator);
}

Result<csi::CreatedVolume> BucketVolumes::Create(
    const csi::CreateVolumeRequest& request) {
  const Deadline deadline = Deadline::After(kTimeout);
  DS_ASSIGN_OR_RETURN(const auto config,
                      dataset::VolumeConfig::FromSecretData(request.secrets));
  DS_ASSIGN_OR_RETURN(const ClientPtr client, ClientFor(config));
  Status status = client->ProbeBucket(config.bucket, config.prefix, deadline);
  if (!status.ok() && status.error().code == ErrorCode::kNotFound) {
    status = client->CreateBucket(config.bucket, {config.region}, deadline);
  }
  DS_RETURN_IF_ERROR(status);
  return csi::CreatedVolume{VolumeIdOf(config, request.name),
                            request.capacity_bytes};
}

Status BucketVolumes::Delete(const std::string&, const dataset::SecretData&) {
  return OkStatus();
}

Status BucketVolumes::Validate(const std::string& volume_id,
                               const dataset::SecretData& secrets) {
  DS_ASSIGN_OR_RETURN(const auto config,
                      dataset::VolumeConfig::FromSecretData(secrets));
  if (!IsVolumeOf(config, volume_id)) {
    return Error{ErrorCode::kNotFound,
                 "volume \"" + volume_id +
                     "\" is not of the bucket and folder in the Secret"};
  }
  DS_ASSIGN_OR_RETURN(const ClientPtr client, ClientFor(config));
  return client->ProbeBucket(config.bucket, config.prefix,
                             Deadline::After(kTimeout));
}

}  // namespace datashim::csi_controller
