// Tables of the small pure functions: endpoints, dates, ranges, errors.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "s3/client.h"
#include "s3/endpoint.h"
#include "s3/error_map.h"
#include "s3/http_date.h"
#include "s3/object_rules.h"

namespace datashim::s3 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct LocateCase {
  const char* endpoint;
  const char* configured_region;
  bool path_style;
  const char* bucket;
  const char* key;
  const char* region;
  const char* expected;
};

const LocateCase kLocations[] = {
    {"http://s3:9000", "", true, "bkt", "a/b c", "us-east-1",
     "http://s3:9000/bkt/a/b%20c"},
    {"http://s3:9000", "", true, "bkt", "", "x", "http://s3:9000/bkt"},
    {"http://s3:9000", "", false, "bkt", "k", "x", "http://bkt.s3:9000/k"},
    {"http://s3:9000", "", false, "bkt", "", "x", "http://bkt.s3:9000/"},
    {"http://10.0.0.1", "", false, "bkt", "k", "x", "http://10.0.0.1/bkt/k"},
    {"http://[::1]:1", "", false, "bkt", "k", "x", "http://[::1]:1/bkt/k"},
    {"https://s3.io", "", false, "a.b", "k", "x", "https://s3.io/a.b/k"},
    {"http://s3.io", "", false, "a.b", "k", "x", "http://a.b.s3.io/k"},
    {"https://gw/s3/", "", true, "bkt", "k", "x", "https://gw/s3/bkt/k"},
    {"", "", false, "bkt", "k", "us-east-1",
     "https://bkt.s3.us-east-1.amazonaws.com/k"},
    {"", "eu-west-1", true, "bkt", "k", "eu-west-1",
     "https://s3.eu-west-1.amazonaws.com/bkt/k"},
    // On AWS the host follows the region that the bucket turns out to have.
    {"https://s3.amazonaws.com", "", true, "bkt", "k", "eu-west-1",
     "https://s3.eu-west-1.amazonaws.com/bkt/k"},
    {"https://s3.us-east-1.amazonaws.com", "", false, "bkt", "k", "cn-north-1",
     "https://bkt.s3.cn-north-1.amazonaws.com.cn/k"},
    {"https://s3-us-west-2.amazonaws.com", "", true, "bkt", "k", "us-west-2",
     "https://s3-us-west-2.amazonaws.com/bkt/k"},
    {"https://s3-accelerate.amazonaws.com", "", false, "bkt", "k", "eu-west-1",
     "https://bkt.s3-accelerate.amazonaws.com/k"},
    {"https://s3.example.com", "", true, "bkt", "k", "eu-west-1",
     "https://s3.example.com/bkt/k"},
};

TEST(LocateTest, FindsHostAndPath) {
  for (const LocateCase& test : kLocations) {
    const auto endpoint =
        ParseEndpoint(test.endpoint, test.configured_region, test.path_style);
    ASSERT_TRUE(endpoint.ok()) << endpoint.error().message;
    const Location location =
        Locate(*endpoint, test.bucket, test.key, test.region);
    EXPECT_EQ(location.origin.ToString() + location.path, test.expected);
  }
}

TEST(ParseEndpointTest, RefusesWhatIsNone) {
  for (const char* url : {"s3:9000", "http://a?b", "http://u:p@a", "ftp://a"}) {
    const auto endpoint = ParseEndpoint(url, "", true);
    ASSERT_FALSE(endpoint.ok()) << url;
    EXPECT_EQ(endpoint.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(endpoint.error().message, HasSubstr("endpoint"));
  }
  const auto region = ParseEndpoint("", "evil.example/x", true);
  ASSERT_FALSE(region.ok());
  EXPECT_THAT(region.error().message, HasSubstr("region"));
}

TEST(IsRegionNameTest, LetsNothingIntoHostNamesThatIsNone) {
  for (const char* good : {"us-east-1", "a", "garage", "cn-north-1"}) {
    EXPECT_TRUE(IsRegionName(good)) << good;
  }
  for (const char* bad : {"", "-a", "a-", "a.b", "a/b", "A", "a@b", "a b",
                          "abcdefghijklmnopqrstuvwxyz-0123456789"}) {
    EXPECT_FALSE(IsRegionName(bad)) << bad;
  }
}

TEST(CheckBucketNameTest, KeepsPathsOut) {
  for (const char* good : {"abc", "a.b-c", "Old_Bucket", "123"}) {
    EXPECT_TRUE(CheckBucketName(good).ok()) << good;
  }
  for (const char* bad :
       {"", "ab", "...", "../a", "a/b", "a b", "-ab", ".ab", "a?b", "a%2f"}) {
    const Status status = CheckBucketName(bad);
    ASSERT_FALSE(status.ok()) << bad;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(CheckBucketName(std::string(256, 'a')).ok());
}

TEST(HttpDateTest, TakesTheOneForm) {
  EXPECT_EQ(ParseHttpDate("Fri, 24 May 2013 01:02:03 GMT"),
            WallTime(std::chrono::seconds(1369357323)));
  for (const char* bad :
       {"", "Fri, 24 May 2013 01:02:03 UTC", "Fri, 24 Foo 2013 01:02:03 GMT",
        "Fri, 32 May 2013 01:02:03 GMT", "Fri, 30 Feb 2013 01:02:03 GMT",
        "Fri, 24 May 2013 24:02:03 GMT", "Fri, 24 May 9999 01:02:03 GMT",
        "Fri, 24 May 201x 01:02:03 GMT"}) {
    EXPECT_FALSE(ParseHttpDate(bad)) << bad;
  }
}

TEST(IsoDateTest, DropsTheFraction) {
  const WallTime expected(std::chrono::seconds(1369357323));
  EXPECT_EQ(ParseIsoDate("2013-05-24T01:02:03.987Z"), expected);
  EXPECT_EQ(ParseIsoDate("2013-05-24T01:02:03Z"), expected);
  for (const char* bad :
       {"", "2013-05-24", "2013-05-24 01:02:03Z", "2013-05-24T01:02:03+01:00",
        "2013-13-24T01:02:03Z", "1600-05-24T01:02:03Z"}) {
    EXPECT_FALSE(ParseIsoDate(bad)) << bad;
  }
}

TEST(ContentRangeTest, TakesTheOneForm) {
  EXPECT_EQ(ParseContentRange("bytes 0-9/100"), (ContentRange{{0, 10}, 100}));
  EXPECT_EQ(ParseContentRange("bytes 99-99/100"), (ContentRange{{99, 1}, 100}));
  for (const char* bad :
       {"", "bytes */100", "bytes 0-9/*", "bytes 9-0/100", "bytes 0-100/100",
        "bytes -1-9/100", "bits 0-9/100", "bytes 0/9-100", "bytes 0-9",
        "bytes 0-9/99999999999999999999"}) {
    EXPECT_FALSE(ParseContentRange(bad)) << bad;
  }
}

TEST(MultipartEtagTest, IsTheMd5OfTheMd5s) {
  // printf '\x01..' of the two digests | md5sum
  EXPECT_EQ(MultipartEtag({{1, "\"d41d8cd98f00b204e9800998ecf8427e\""}}),
            "\"59adb24ef3cdbe0297f05b395827453f-1\"");
  EXPECT_EQ(MultipartEtag({{1, "\"no-md5\""}}), std::nullopt);
  EXPECT_EQ(MultipartEtag({{1, ""}}), std::nullopt);
}

TEST(PlanCopyPartsTest, CoversTheObjectWithinTheLimits) {
  constexpr std::uint64_t kMiB = 1u << 20;
  EXPECT_THAT(PlanCopyParts(1), ElementsAre(store::ByteRange{0, 1}));
  EXPECT_THAT(PlanCopyParts(513 * kMiB),
              ElementsAre(store::ByteRange{0, 512 * kMiB},
                          store::ByteRange{512 * kMiB, kMiB}));
  for (const std::uint64_t bytes :
       {5120 * kMiB + 1, 5'000'000 * kMiB, 50'000'000 * kMiB + 7}) {
    const auto parts = PlanCopyParts(bytes);
    EXPECT_LE(parts.size(), kPartNumberMax);
    std::uint64_t at = 0;
    for (const store::ByteRange& part : parts) {
      ASSERT_EQ(part.offset, at);
      at = part.end();
    }
    EXPECT_EQ(at, bytes);
  }
}

struct FailureCase {
  int status;
  const char* code;  // Empty: no body.
  ErrorCode expected;
  bool retry;
};

const FailureCase kFailures[] = {
    {403, "InvalidAccessKeyId", ErrorCode::kUnauthenticated, false},
    {403, "SignatureDoesNotMatch", ErrorCode::kUnauthenticated, false},
    {400, "ExpiredToken", ErrorCode::kUnauthenticated, false},
    {403, "AccessDenied", ErrorCode::kPermissionDenied, false},
    {404, "NoSuchBucket", ErrorCode::kNotFound, false},
    {404, "NoSuchKey", ErrorCode::kNotFound, false},
    {404, "NoSuchUpload", ErrorCode::kNotFound, false},
    {412, "PreconditionFailed", ErrorCode::kFailedPrecondition, false},
    {409, "BucketAlreadyOwnedByYou", ErrorCode::kAlreadyExists, false},
    {409, "OperationAborted", ErrorCode::kUnavailable, true},
    {416, "InvalidRange", ErrorCode::kOutOfRange, false},
    {503, "SlowDown", ErrorCode::kUnavailable, true},
    {500, "InternalError", ErrorCode::kUnavailable, true},
    {400, "RequestTimeout", ErrorCode::kUnavailable, true},
    {400, "EntityTooSmall", ErrorCode::kInvalidArgument, false},
    {507, "XMinioStorageFull", ErrorCode::kResourceExhausted, false},
    {501, "NotImplemented", ErrorCode::kUnimplemented, false},
    {500, "SomethingNew", ErrorCode::kUnavailable, true},
    {403, "SomethingNew", ErrorCode::kPermissionDenied, false},
    {404, "", ErrorCode::kNotFound, false},
    {403, "", ErrorCode::kPermissionDenied, false},
    {412, "", ErrorCode::kFailedPrecondition, false},
    {429, "", ErrorCode::kUnavailable, true},
    {502, "", ErrorCode::kUnavailable, true},
    {504, "", ErrorCode::kUnavailable, true},
    {302, "", ErrorCode::kUnavailable, false},
    {418, "", ErrorCode::kUnavailable, false},
};

TEST(MapFailureTest, KnowsCodesAndStatuses) {
  for (const FailureCase& test : kFailures) {
    FailedAnswer answer;
    answer.status = test.status;
    if (*test.code != '\0') answer.body = ErrorBody{test.code, "text", ""};
    const Failure failure = MapFailure(answer);
    SCOPED_TRACE(std::to_string(test.status) + " " + test.code);
    EXPECT_EQ(failure.error.code, test.expected);
    EXPECT_EQ(failure.retry, test.retry);
    EXPECT_THAT(
        failure.error.message,
        HasSubstr(answer.body ? test.code : std::to_string(test.status)));
  }
}

TEST(MapFailureTest, SaysThatThereAreNoKeys) {
  const ErrorBody denied{"AccessDenied", "", ""};
  EXPECT_THAT(MapFailure({403, denied, true}).error.message,
              HasSubstr("no keys"));
  EXPECT_THAT(MapFailure({403, denied, false}).error.message,
              HasSubstr("policies"));
}

}  // namespace
}  // namespace datashim::s3
