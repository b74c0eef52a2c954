#include "kube/error_map.h"

#include <nlohmann/json.hpp>
#include <string>

#include "kube/json.h"

namespace datashim::kube {
namespace {

constexpr std::size_t kMessageBytesMax = 2048;

struct Mapping {
  std::string_view reason;  ///< metav1.StatusReason
  ErrorCode code;
};
// k8s.io/apimachinery/pkg/apis/meta/v1/types.go lists the reasons.
constexpr Mapping kReasons[] = {
    {"Unauthorized", ErrorCode::kUnauthenticated},
    {"Forbidden", ErrorCode::kPermissionDenied},
    {"NotFound", ErrorCode::kNotFound},
    {"AlreadyExists", ErrorCode::kAlreadyExists},
    {"Conflict", ErrorCode::kAborted},
    {"Gone", ErrorCode::kOutOfRange},
    {"Expired", ErrorCode::kOutOfRange},
    {"Invalid", ErrorCode::kInvalidArgument},
    {"BadRequest", ErrorCode::kInvalidArgument},
    {"MethodNotAllowed", ErrorCode::kUnimplemented},
    {"NotAcceptable", ErrorCode::kUnimplemented},
    {"UnsupportedMediaType", ErrorCode::kUnimplemented},
    {"RequestEntityTooLarge", ErrorCode::kInvalidArgument},
    {"TooManyRequests", ErrorCode::kResourceExhausted},
    {"ServerTimeout", ErrorCode::kUnavailable},
    {"Timeout", ErrorCode::kUnavailable},
    {"ServiceUnavailable", ErrorCode::kUnavailable},
    {"InternalError", ErrorCode::kInternal},
};

ErrorCode CodeOfHttpStatus(int http_status) {
  switch (http_status) {
    case 400:
    case 413:
    case 422:
      return ErrorCode::kInvalidArgument;
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 405:
    case 406:
    case 415:
      return ErrorCode::kUnimplemented;
    case 409:
      return ErrorCode::kAborted;
    case 410:
      return ErrorCode::kOutOfRange;
    case 429:
      return ErrorCode::kResourceExhausted;
    case 500:
      return ErrorCode::kInternal;
    case 502:
    case 503:
    case 504:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kUnknown;
  }
}

Error MakeError(int http_status, const std::string& reason,
                std::string message) {
  ErrorCode code = CodeOfHttpStatus(http_status);
  for (const Mapping& mapping : kReasons) {
    if (mapping.reason == reason) code = mapping.code;
  }
  if (message.empty()) {
    message = "the API server answered HTTP " + std::to_string(http_status);
  }
  if (message.size() > kMessageBytesMax) {
    message.resize(kMessageBytesMax);
    message += "…";
  }
  return {code, std::move(message)};
}

}  // namespace

Error ErrorOfStatus(const Json& status) {
  const Json* code = Field(status, {"code"});
  const bool is_http_status =
      code != nullptr && code->is_number_integer() && *code > 0 && *code < 1000;
  const int http_status = is_http_status ? code->get<int>() : 0;
  return MakeError(http_status, StringAt(status, {"reason"}),
                   StringAt(status, {"message"}));
}

Error ErrorOfResponse(int http_status, std::string_view body) {
  if (const auto status = ParseJsonObject(body);
      status.ok() && StringAt(*status, {"kind"}) == "Status") {
    return MakeError(http_status, StringAt(*status, {"reason"}),
                     StringAt(*status, {"message"}));
  }
  if (http_status == 404) {
    return {ErrorCode::kUnimplemented,
            "the API server does not know this kind (is its "
            "CustomResourceDefinition installed?)"};
  }
  std::string message;
  if (!body.empty()) {
    message = "HTTP " + std::to_string(http_status) + ": " + std::string(body);
  }
  return MakeError(http_status, {}, std::move(message));
}

}  // namespace datashim::kube
