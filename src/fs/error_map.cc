#include "fs/error_map.h"

namespace datashim::fs {
namespace {

FsError MapCode(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return FsError::kNotFound;
    case ErrorCode::kAlreadyExists:
      return FsError::kExists;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
      return FsError::kPermission;
    case ErrorCode::kFailedPrecondition:
      return FsError::kStale;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return FsError::kInvalid;
    case ErrorCode::kResourceExhausted:
      return FsError::kNoSpace;
    case ErrorCode::kDeadlineExceeded:
      return FsError::kTimedOut;
    case ErrorCode::kUnimplemented:
      return FsError::kNotSupported;
    case ErrorCode::kCancelled:  // The store stops: EINTR would be retried.
    case ErrorCode::kUnknown:
    case ErrorCode::kAborted:
    case ErrorCode::kInternal:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDataLoss:
      return FsError::kIo;
  }
  return FsError::kIo;
}

}  // namespace

FsFailure ToFsFailure(const Error& error) {
  return {MapCode(error.code), error.message};
}

FsFailure ToReadFailure(const Error& error) {
  FsFailure failure = ToFsFailure(error);
  if (failure.error == FsError::kNotFound) failure.error = FsError::kStale;
  return failure;
}

FsFailure ToBucketFailure(const Error& error) {
  FsFailure failure = ToFsFailure(error);
  if (failure.error == FsError::kNotFound) failure.error = FsError::kIo;
  return failure;
}

const char* FsErrorName(FsError error) {
  switch (error) {
    case FsError::kNotFound:
      return "NotFound";
    case FsError::kExists:
      return "Exists";
    case FsError::kNotDirectory:
      return "NotDirectory";
    case FsError::kIsDirectory:
      return "IsDirectory";
    case FsError::kNotEmpty:
      return "NotEmpty";
    case FsError::kReadOnly:
      return "ReadOnly";
    case FsError::kPermission:
      return "Permission";
    case FsError::kNotSupported:
      return "NotSupported";
    case FsError::kInvalid:
      return "Invalid";
    case FsError::kNameTooLong:
      return "NameTooLong";
    case FsError::kTooLarge:
      return "TooLarge";
    case FsError::kNoSpace:
      return "NoSpace";
    case FsError::kStale:
      return "Stale";
    case FsError::kCrossDevice:
      return "CrossDevice";
    case FsError::kBadHandle:
      return "BadHandle";
    case FsError::kBusy:
      return "Busy";
    case FsError::kTimedOut:
      return "TimedOut";
    case FsError::kInterrupted:
      return "Interrupted";
    case FsError::kIo:
      return "Io";
  }
  return "Io";
}

}  // namespace datashim::fs
