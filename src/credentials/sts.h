// AWS's Security Token Service (and MinIO's, which speaks it, too): credentials
// of a role, for keys or for a web identity token.

#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "credentials/source.h"
#include "net/tls_options.h"
#include "s3/credentials.h"

namespace datashim::credentials {

/// Where STS is, and which role is assumed.
struct RoleOptions {
  /// URL; empty: AWS's for the region.
  std::string endpoint = {};
  /// Empty: us-east-1.
  std::string region = {};
  net::TlsOptions tls = {};
  /// MinIO wants none.
  std::string role_arn = {};
  /// Of AssumeRole; empty: none.
  std::string external_id = {};
  /// Seen in the service's audit log; see SessionName.
  std::string session_name = "datashim";
  /// nullopt: what the service gives by itself, an hour.
  std::optional<std::chrono::seconds> duration = {};
};

/// "https://sts.<region>.amazonaws.com". Empty region: the global endpoint.
std::string AwsStsEndpoint(std::string_view region);

/// The text as a session's name: 2 to 64 characters of those that are allowed.
std::string SessionName(std::string_view text);

/// A role for whoever has the keys of `base`, which are asked for at every
/// fetch. `clock` outlives it. @return kInvalidArgument.
Result<std::unique_ptr<CredentialSource>> MakeAssumeRole(
    RoleOptions options, std::shared_ptr<s3::CredentialProvider> base,
    Clock& clock = SystemClock());

/// A role for whoever has the token. @return kInvalidArgument.
Result<std::unique_ptr<CredentialSource>> MakeWebIdentity(
    RoleOptions options, TokenReader token, Clock& clock = SystemClock());

}  // namespace datashim::credentials
