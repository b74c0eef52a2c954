// The two ways in which S3 writes times. Pure.

#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace datashim::s3 {

/// "Fri, 24 May 2013 00:00:00 GMT" (RFC 9110, the form that must be sent).
std::optional<WallTime> ParseHttpDate(std::string_view text);

/// "2013-05-24T00:00:00.000Z". The fraction is dropped: Last-Modified has
/// none, and one version of an object has one time.
std::optional<WallTime> ParseIsoDate(std::string_view text);

}  // namespace datashim::s3
