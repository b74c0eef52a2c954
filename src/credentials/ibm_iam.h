// IBM Cloud IAM: bearer tokens for an API key.

#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "credentials/source.h"
#include "net/tls_options.h"

namespace datashim::credentials {

inline constexpr char kIbmIamUrl[] = "https://iam.cloud.ibm.com";

/// Whose token, and where it is made.
struct ApiKeyOptions {
  /// https: the key itself is sent there.
  std::string endpoint = kIbmIamUrl;
  net::TlsOptions tls = {};
  SecretString api_key = {};
  /// Goes with the token; see s3::Credentials.
  std::string service_instance_id = {};
};

/// @return kInvalidArgument if the endpoint is not https or does not parse.
Result<std::unique_ptr<CredentialSource>> MakeApiKeyCredentials(
    ApiKeyOptions options);

}  // namespace datashim::credentials
