#include "node/bucket_options.h"

#include <utility>

#include "credentials/default_chain.h"
#include "node/mount_source.h"
#include "sys/small_file.h"

namespace datashim::node {
namespace {

constexpr std::size_t kCaBundleBytesMax = std::size_t{4} << 20;

}  // namespace

Result<dataset::VolumeConfig> VolumeConfigOf(const BucketOptions& options) {
  DS_ASSIGN_OR_RETURN(MountSource source, ParseMountSource(options.source));
  dataset::VolumeConfig config;
  config.endpoint = options.endpoint_url;
  config.bucket = std::move(source.bucket);
  config.prefix = std::move(source.prefix);
  config.region = options.region;
  config.path_style = !options.virtual_host_style;
  if (!options.ca_bundle_path.empty()) {
    DS_ASSIGN_OR_RETURN(
        config.ca_bundle_pem,
        sys::ReadFile(options.ca_bundle_path, kCaBundleBytesMax));
  }
  return config;
}

Result<std::shared_ptr<s3::CredentialProvider>> CredentialsOf(
    const BucketOptions& options, Deadline deadline) {
  using Provider = std::shared_ptr<s3::CredentialProvider>;
  if (options.no_sign_request) {
    return Provider(
        std::make_shared<s3::UpdatableCredentials>(s3::Credentials{}));
  }
  const auto none = [](const Error& error) {
    return Error{error.code,
                 "no credentials: " + error.message +
                     "; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name "
                     "a profile with AWS_PROFILE, or say --no-sign-request for "
                     "a public bucket"};
  };
  const auto environment = credentials::ProcessEnvironment();
  const auto plan = credentials::PlanCredentials(environment);
  if (!plan.ok()) return none(plan.error());
  auto provider = credentials::MakeCredentials(*plan, environment);
  if (!provider.ok()) return none(provider.error());
  const auto first = (*provider)->Get(deadline);
  if (!first.ok()) return none(first.error());
  return provider;
}

}  // namespace datashim::node
