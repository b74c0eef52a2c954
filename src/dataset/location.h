// Location: the rules for the parts of an S3 place, shared by the Dataset's
// spec and the volume Secret. Pure. Messages do not name the key: the caller
// wraps them with it.

#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace datashim::dataset {

/// "http(s)://host[:port]" without path, query or user.
/// @return the endpoint without a trailing '/', or kInvalidArgument.
Result<std::string> ParseEndpoint(std::string_view text);

/// @return kInvalidArgument unless it is a bucket's name. Takes what AWS took
///     before 2018 (up to 255 letters of both cases, '_'), because such
///     buckets live on and other servers still make them.
Status CheckBucket(std::string_view bucket);

/// "/a/b/" and "a/b" are "a/b/"; "" and "/" are "".
/// @return kInvalidArgument for a prefix under which no path can exist: with
///     empty, "." or ".." parts, control characters, or over 1,024 bytes (S3).
Result<std::string> ParsePrefix(std::string_view folder);

/// @return kInvalidArgument unless empty or letters, digits, '-' and '_'.
Status CheckRegion(std::string_view region);

/// A key or token without the white space around it.
/// @return kInvalidArgument, without the value, if it is not printable ASCII
///     or too long.
Result<SecretString> ParseKey(const SecretString& text);

/// Both keys are there, or both are empty (anonymous).
Status CheckKeyPair(const SecretString& access_key_id,
                    const SecretString& secret_access_key);

}  // namespace datashim::dataset
