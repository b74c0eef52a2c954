#include "csi/grpc_status_map.h"

namespace datashim::csi {
namespace {

constexpr bool Agree(ErrorCode ours, grpc::StatusCode theirs) {
  return static_cast<int>(ours) == static_cast<int>(theirs);
}
static_assert(Agree(ErrorCode::kCancelled, grpc::CANCELLED));
static_assert(Agree(ErrorCode::kUnknown, grpc::UNKNOWN));
static_assert(Agree(ErrorCode::kInvalidArgument, grpc::INVALID_ARGUMENT));
static_assert(Agree(ErrorCode::kDeadlineExceeded, grpc::DEADLINE_EXCEEDED));
static_assert(Agree(ErrorCode::kNotFound, grpc::NOT_FOUND));
static_assert(Agree(ErrorCode::kAlreadyExists, grpc::ALREADY_EXISTS));
static_assert(Agree(ErrorCode::kPermissionDenied, grpc::PERMISSION_DENIED));
static_assert(Agree(ErrorCode::kResourceExhausted, grpc::RESOURCE_EXHAUSTED));
static_assert(Agree(ErrorCode::kFailedPrecondition, grpc::FAILED_PRECONDITION));
static_assert(Agree(ErrorCode::kAborted, grpc::ABORTED));
static_assert(Agree(ErrorCode::kOutOfRange, grpc::OUT_OF_RANGE));
static_assert(Agree(ErrorCode::kUnimplemented, grpc::UNIMPLEMENTED));
static_assert(Agree(ErrorCode::kInternal, grpc::INTERNAL));
static_assert(Agree(ErrorCode::kUnavailable, grpc::UNAVAILABLE));
static_assert(Agree(ErrorCode::kDataLoss, grpc::DATA_LOSS));
static_assert(Agree(ErrorCode::kUnauthenticated, grpc::UNAUTHENTICATED));

}  // namespace

grpc::Status ToGrpcStatus(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const Error& error = status.error();
  return grpc::Status(static_cast<grpc::StatusCode>(error.code),
                      error.message.substr(0, kStatusMessageBytesMax));
}

}  // namespace datashim::csi
