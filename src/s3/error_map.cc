#include "s3/error_map.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace datashim::s3 {
namespace {

enum class Reaction { kGiveUp, kRetry, kAdjustClock, kChangeRegion };

struct CodeMeaning {
  std::string_view code;
  ErrorCode error;
  Reaction reaction;
  /// What to do, or empty if the server's own words are as good.
  std::string_view advice;
};

using enum ErrorCode;
using enum Reaction;

constexpr std::string_view kWrongId =
    "the access key is not known there; check accessKeyID in the Secret";
constexpr std::string_view kWrongSecret =
    "the signature does not match; check secretAccessKey in the Secret";
constexpr std::string_view kExpired =
    "the session token has expired or is wrong; renew the keys in the Secret";
constexpr std::string_view kDenied =
    "the keys are good but may not do this; check the policies of the bucket "
    "and of the user";
constexpr std::string_view kNoBucket =
    "there is no such bucket; check bucket in the Dataset";
constexpr std::string_view kOtherRegion =
    "the bucket is in another region; set region in the Dataset";
constexpr std::string_view kClock =
    "the clock of this machine differs too much from the server's";

// "Error responses", Amazon S3 API Reference, and MinIO's own (XMinio…).
constexpr CodeMeaning kMeanings[] = {
    {"InvalidAccessKeyId", kUnauthenticated, kGiveUp, kWrongId},
    {"SignatureDoesNotMatch", kUnauthenticated, kGiveUp, kWrongSecret},
    {"ExpiredToken", kUnauthenticated, kGiveUp, kExpired},
    {"ExpiredTokenException", kUnauthenticated, kGiveUp, kExpired},
    {"InvalidToken", kUnauthenticated, kGiveUp, kExpired},
    {"InvalidTokenId", kUnauthenticated, kGiveUp, kExpired},
    {"TokenRefreshRequired", kUnauthenticated, kGiveUp, kExpired},
    {"RequestTimeTooSkewed", kUnauthenticated, kAdjustClock, kClock},
    {"AccessDenied", kPermissionDenied, kGiveUp, kDenied},
    {"AllAccessDisabled", kPermissionDenied, kGiveUp, ""},
    {"AccountProblem", kPermissionDenied, kGiveUp, ""},
    {"InvalidObjectState", kFailedPrecondition, kGiveUp,
     "the object is archived; restore it first"},
    {"NoSuchBucket", kNotFound, kGiveUp, kNoBucket},
    {"NoSuchKey", kNotFound, kGiveUp, "there is no such object"},
    {"NoSuchUpload", kNotFound, kGiveUp, "there is no such upload"},
    {"PreconditionFailed", kFailedPrecondition, kGiveUp,
     "it is not the version that was asked for"},
    {"ConditionalRequestConflict", kUnavailable, kRetry, ""},
    {"OperationAborted", kUnavailable, kRetry, ""},
    {"BucketAlreadyExists", kAlreadyExists, kGiveUp,
     "somebody else has a bucket of this name; choose another"},
    {"BucketAlreadyOwnedByYou", kAlreadyExists, kGiveUp, "it is there already"},
    {"BucketNotEmpty", kFailedPrecondition, kGiveUp, "it is not empty"},
    {"InvalidPart", kInvalidArgument, kGiveUp, ""},
    {"InvalidPartOrder", kInvalidArgument, kGiveUp, ""},
    {"EntityTooSmall", kInvalidArgument, kGiveUp, ""},
    {"EntityTooLarge", kInvalidArgument, kGiveUp, ""},
    {"InvalidRequest", kInvalidArgument, kGiveUp, ""},
    {"InvalidBucketName", kInvalidArgument, kGiveUp, ""},
    {"InvalidRange", kOutOfRange, kGiveUp, "the range is behind its end"},
    {"QuotaExceeded", kResourceExhausted, kGiveUp, ""},
    {"XMinioAdminBucketQuotaExceeded", kResourceExhausted, kGiveUp, ""},
    {"XMinioStorageFull", kResourceExhausted, kGiveUp, "the server is full"},
    {"NotImplemented", kUnimplemented, kGiveUp, ""},
    {"MethodNotAllowed", kUnimplemented, kGiveUp, ""},
    {"InternalError", kUnavailable, kRetry, ""},
    {"ServiceUnavailable", kUnavailable, kRetry, ""},
    {"SlowDown", kUnavailable, kRetry, "the server asks for fewer requests"},
    {"SlowDownRead", kUnavailable, kRetry, "the server is overloaded"},
    {"SlowDownWrite", kUnavailable, kRetry, "the server is overloaded"},
    {"RequestTimeout", kUnavailable, kRetry, ""},
    {"Throttling", kUnavailable, kRetry, ""},
    {"ThrottlingException", kUnavailable, kRetry, ""},
    {"RequestLimitExceeded", kUnavailable, kRetry, ""},
    {"XMinioServerNotInitialized", kUnavailable, kRetry, ""},
    {"PermanentRedirect", kInvalidArgument, kChangeRegion, kOtherRegion},
    {"TemporaryRedirect", kUnavailable, kChangeRegion, kOtherRegion},
    {"Redirect", kUnavailable, kChangeRegion, kOtherRegion},
    {"AuthorizationHeaderMalformed", kInvalidArgument, kChangeRegion, ""},
    {"AuthorizationQueryParametersError", kInvalidArgument, kChangeRegion, ""},
    {"IllegalLocationConstraintException", kInvalidArgument, kGiveUp,
     "the endpoint does not make buckets in this region"},
};

struct StatusMeaning {
  int status;
  ErrorCode error;
  Reaction reaction;
  std::string_view text;
};

// For answers without a code or with one that is not above.
constexpr StatusMeaning kStatuses[] = {
    {301, kInvalidArgument, kChangeRegion, kOtherRegion},
    {302, kUnavailable, kChangeRegion, "it redirects"},
    {307, kUnavailable, kChangeRegion, "it redirects"},
    {308, kInvalidArgument, kChangeRegion, "it redirects"},
    {400, kInvalidArgument, kChangeRegion, "the request is refused"},
    {401, kUnauthenticated, kGiveUp, "it wants other keys"},
    {403, kPermissionDenied, kChangeRegion,
     "access denied; check the keys in the Secret and the bucket's policy"},
    {404, kNotFound, kGiveUp, "not found"},
    {405, kUnimplemented, kGiveUp, "the server does not do this"},
    {408, kUnavailable, kRetry, "the server waited too long"},
    {409, kUnavailable, kRetry, "another operation is under way"},
    {412, kFailedPrecondition, kGiveUp,
     "it is not the version that was asked for"},
    {416, kOutOfRange, kGiveUp, "the range is behind its end"},
    {429, kUnavailable, kRetry, "the server asks for fewer requests"},
    {501, kUnimplemented, kGiveUp, "the server does not do this"},
    {507, kResourceExhausted, kGiveUp, "the server is full"},
};

std::string_view Category(ErrorCode code) {
  if (code == kUnauthenticated || code == kPermissionDenied) {
    return "access denied";
  }
  if (code == kNotFound) return "not found";
  if (code == kUnavailable) return "unavailable";
  return "refused";
}

Failure Make(ErrorCode code, Reaction reaction, std::string message) {
  return {.error = {code, std::move(message)},
          .retry = reaction == kRetry,
          .skewed = reaction == kAdjustClock,
          .wrong_region = reaction == kChangeRegion};
}

Failure MapStatus(int status) {
  const auto* found =
      std::ranges::find(kStatuses, status, &StatusMeaning::status);
  const std::string number = "HTTP " + std::to_string(status);
  if (found != std::end(kStatuses)) {
    return Make(found->error, found->reaction,
                std::string(found->text) + " (" + number + ")");
  }
  return Make(kUnavailable, status >= 500 ? kRetry : kGiveUp,
              "the server answered with " + number);
}

}  // namespace

Failure MapFailure(const FailedAnswer& answer) {
  if (!answer.body) return MapStatus(answer.status);
  const ErrorBody& body = *answer.body;
  const auto* found =
      std::ranges::find(kMeanings, body.code, &CodeMeaning::code);
  if (found == std::end(kMeanings)) {
    Failure failure = MapStatus(answer.status);
    failure.error.message = std::string(Category(failure.error.code)) + " (" +
                            body.code + "): " + body.message;
    return failure;
  }
  std::string message(Category(found->error));
  message.append(" (").append(body.code).append("): ");
  if (answer.anonymous && found->error == kPermissionDenied) {
    message += "there are no keys, and the bucket is not public";
  } else if (!found->advice.empty()) {
    message += found->advice;
  } else {
    message += body.message;
  }
  return Make(found->error, found->reaction, std::move(message));
}

}  // namespace datashim::s3
