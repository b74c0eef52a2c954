// Answers of the servers that give credentials, parsed into types. Pure. Bytes
// are hostile: their number is bounded by the caller, and values by
// kValueBytesMax; no message shows a value.

#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "s3/credentials.h"

namespace datashim::credentials {

/// Tokens of today have under 4 KiB.
inline constexpr std::size_t kValueBytesMax = 16u << 10;

/// Credentials that end at a time of the clock of who gave them.
struct TimedCredentials {
  s3::Credentials credentials;
  WallTime expires_at;
};

/// The answer of AssumeRole or AssumeRoleWithWebIdentity. Errors of all parsers
/// of answers: kDataLoss, saying what is missing or wrong.
Result<TimedCredentials> ParseStsAnswer(std::string_view xml);

/// The answer of a container credentials endpoint or of instance metadata.
Result<TimedCredentials> ParseKeysDocument(std::string_view json);

/// The name of a role in instance metadata: the first line.
Result<std::string> ParseRoleName(std::string_view text);

/// A token that is a header's value: printable ASCII without spaces, white
/// space around it dropped. @return kDataLoss.
Result<SecretString> ParseToken(std::string_view text);

/// IBM Cloud IAM's answer to an API key.
struct BearerToken {
  SecretString token;
  std::chrono::seconds lifetime{0};  ///< More than 0, at most a day.
};
Result<BearerToken> ParseBearerToken(std::string_view json);

/// What a server says of a failure.
struct ServiceError {
  std::string code;     ///< Letters, digits, '.', '_' and '-'; at most 64.
  std::string message;  ///< Printable, at most 256 bytes.
};

/// STS's <ErrorResponse>. nullopt if it is none.
std::optional<ServiceError> ParseStsError(std::string_view xml);
/// {"code" or "errorCode", "message" or "errorMessage"} as container endpoints
/// and IBM Cloud have it. nullopt if it is none.
std::optional<ServiceError> ParseJsonError(std::string_view json);

}  // namespace datashim::credentials
