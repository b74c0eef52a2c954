// Errors of ours as gRPC statuses: the codes have the same numbers.

#pragma once

#include <grpcpp/support/status.h>

#include "base/result.h"

namespace datashim::csi {

/// gRPC sends the message in a header, whose size peers limit.
inline constexpr std::size_t kStatusMessageBytesMax = 2048;

/// The status to answer; a message that is too long is cut.
grpc::Status ToGrpcStatus(const Status& status);

}  // namespace datashim::csi
