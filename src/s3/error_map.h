// S3's answers that are no success, as an Error and what to do about it. The
// only place that knows S3's error codes. Pure.

#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "s3/xml.h"

namespace datashim::s3 {

/// What is known of a failed answer.
struct FailedAnswer {
  int status = 0;
  std::optional<ErrorBody> body;  ///< HEAD answers have none.
  bool anonymous = false;         ///< The request was not signed.
};

/// What it means.
struct Failure {
  /// The message says why and what to change, not for which object.
  Error error;
  /// The same request may succeed later: the server was not able to do it.
  bool retry = false;
  /// The server's clock and ours differ too much.
  bool skewed = false;
  /// The request was signed for, or sent to, the wrong region.
  bool wrong_region = false;
};

Failure MapFailure(const FailedAnswer& answer);

}  // namespace datashim::s3
