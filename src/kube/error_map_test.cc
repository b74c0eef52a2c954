#include "kube/error_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace datashim::kube {
namespace {

using ::testing::HasSubstr;

std::string StatusBody(const std::string& reason) {
  return R"({"kind":"Status","message":"m","reason":")" + reason + "\"}";
}

struct Case {
  int http_status;
  const char* reason;
  ErrorCode code;
};
class ErrorMapTest : public ::testing::TestWithParam<Case> {};

TEST_P(ErrorMapTest, GivesTheCodeAndTheServersMessage) {
  const Case& test = GetParam();
  EXPECT_EQ(ErrorOfResponse(test.http_status, StatusBody(test.reason)),
            (Error{test.code, "m"}));
}

const Case kCases[] = {
    {400, "BadRequest", ErrorCode::kInvalidArgument},
    {401, "Unauthorized", ErrorCode::kUnauthenticated},
    {403, "Forbidden", ErrorCode::kPermissionDenied},
    {404, "NotFound", ErrorCode::kNotFound},
    {405, "MethodNotAllowed", ErrorCode::kUnimplemented},
    {409, "AlreadyExists", ErrorCode::kAlreadyExists},
    {409, "Conflict", ErrorCode::kAborted},
    {409, "", ErrorCode::kAborted},
    {410, "Expired", ErrorCode::kOutOfRange},
    {410, "Gone", ErrorCode::kOutOfRange},
    {413, "RequestEntityTooLarge", ErrorCode::kInvalidArgument},
    {422, "Invalid", ErrorCode::kInvalidArgument},
    {429, "TooManyRequests", ErrorCode::kResourceExhausted},
    {500, "InternalError", ErrorCode::kInternal},
    {500, "ServerTimeout", ErrorCode::kUnavailable},
    {503, "ServiceUnavailable", ErrorCode::kUnavailable},
    {504, "Timeout", ErrorCode::kUnavailable},
    {418, "NewReason", ErrorCode::kUnknown},
};
INSTANTIATE_TEST_SUITE_P(Answers, ErrorMapTest, ::testing::ValuesIn(kCases));

TEST(ErrorMapTextTest, A404WithoutAStatusIsAKindThatIsNotServed) {
  const Error error = ErrorOfResponse(404, "404 page not found\n");
  EXPECT_EQ(error.code, ErrorCode::kUnimplemented);
  EXPECT_THAT(error.message, HasSubstr("CustomResourceDefinition"));
}

TEST(ErrorMapTextTest, OtherBodiesAreQuotedInPart) {
  const Error error = ErrorOfResponse(502, std::string(10'000, 'x'));
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(error.message, HasSubstr("HTTP 502: xxx"));
  EXPECT_LT(error.message.size(), 2100u);
  EXPECT_THAT(ErrorOfResponse(503, "").message, HasSubstr("503"));
}

TEST(ErrorMapTextTest, AStatusObjectOfAWatchHasItsOwnCode) {
  EXPECT_EQ(ErrorOfStatus({{"code", 410}, {"message", "m"}}),
            (Error{ErrorCode::kOutOfRange, "m"}));
  EXPECT_EQ(ErrorOfStatus({{"code", -1}}).code, ErrorCode::kUnknown);
  EXPECT_EQ(ErrorOfStatus({{"code", 1e30}}).code, ErrorCode::kUnknown);
  EXPECT_EQ(ErrorOfStatus(Json::array()).code, ErrorCode::kUnknown);
}

}  // namespace
}  // namespace datashim::kube
