// The API server's answers as our errors; the only place that knows both.

#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "kube/object.h"

namespace datashim::kube {

/// The error that a metav1.Status `body` of an answer other than 2xx means;
/// the reason decides where one HTTP status has several. `body` may be
/// anything: a proxy's page, nothing. The message quotes the server (at most
/// 2 KiB of it).
///
/// 404 without a Status object means that the path is not served:
/// kUnimplemented, so that nobody takes a missing CustomResourceDefinition for
/// a missing object.
Error ErrorOfResponse(int http_status, std::string_view body);

/// The error that a Status object (of an ERROR watch event) means.
Error ErrorOfStatus(const Json& status);

}  // namespace datashim::kube
