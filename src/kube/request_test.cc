#include "kube/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "kube/rate_limit.h"

namespace datashim::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RequestTest, ACreateGoesToTheCollection) {
  const Request request =
      MakeRequest(Verb::kCreate, kConfigMaps, {"ns", "a"}, "",
                  {{"fieldManager", "me & you"}, {"empty", ""}});
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target,
            "/api/v1/namespaces/ns/configmaps?fieldManager=me%20%26%20you");
  EXPECT_EQ(request.what, "create configmaps ns/a");
  EXPECT_FALSE(request.idempotent);
}

TEST(RequestTest, AStatusApplyNamesItsSubresource) {
  const Request request =
      MakeRequest(Verb::kApply, kPods, {"ns", "a"}, "status", {});
  EXPECT_EQ(request.method, "PATCH");
  EXPECT_EQ(request.target, "/api/v1/namespaces/ns/pods/a/status");
  EXPECT_EQ(request.content_type, "application/apply-patch+yaml");
  EXPECT_EQ(request.what, "apply pods/status ns/a");
}

TEST(RequestTest, ListAndWatchCarryTheirOptions) {
  const Request list = MakeListRequest(
      kPods, "ns", {.label_selector = "a=b,c!=d", .page_items = 7}, "t/+");
  EXPECT_EQ(list.target,
            "/api/v1/namespaces/ns/pods?limit=7&continue=t%2F%2B"
            "&labelSelector=a%3Db%2Cc%21%3Dd");
  const Request watch = MakeWatchRequest(
      kPods, "", {.resource_version = "5", .timeout = seconds(60)});
  EXPECT_EQ(watch.target,
            "/api/v1/pods?watch=true&allowWatchBookmarks=true"
            "&resourceVersion=5&timeoutSeconds=60");
}

TEST(RequestTest, ADeleteCarriesPreconditions) {
  const Request request =
      MakeDeleteRequest(kPods, {"ns", "a"},
                        {.propagation = Propagation::kForeground, .uid = "u"});
  EXPECT_EQ(request.method, "DELETE");
  EXPECT_EQ(Json::parse(request.body),
            Json({{"apiVersion", "v1"},
                  {"kind", "DeleteOptions"},
                  {"propagationPolicy", "Foreground"},
                  {"preconditions", {{"uid", "u"}}}}));
}

TEST(RequestTest, TextThatIsNoUtf8IsSentAsReplacements) {
  EXPECT_EQ(DumpJson(Json("a\xFF")), "\"a\xEF\xBF\xBD\"");
}

TEST(MayRetryTest, OnlyWhatCannotDoHarmTwice) {
  const Request get = MakeRequest(Verb::kGet, kPods, {"n", "a"}, "", {});
  const Request create = MakeRequest(Verb::kCreate, kPods, {"n", "a"}, "", {});
  const Request update = MakeRequest(Verb::kUpdate, kPods, {"n", "a"}, "", {});
  EXPECT_TRUE(MayRetry(get, 0));
  EXPECT_TRUE(MayRetry(get, 503));
  EXPECT_TRUE(MayRetry(get, 429));
  EXPECT_FALSE(MayRetry(get, 404));
  EXPECT_FALSE(MayRetry(create, 0));
  EXPECT_FALSE(MayRetry(create, 503));
  EXPECT_TRUE(MayRetry(create, 429));
  EXPECT_FALSE(MayRetry(update, 500));
}

TEST(RetryAfterTest, TakesSecondsUpToAMinute) {
  EXPECT_EQ(RetryAfter({}), std::nullopt);
  EXPECT_EQ(RetryAfter({{"retry-after", "3"}}), seconds(3));
  EXPECT_EQ(RetryAfter({{"Retry-After", "86400"}}), seconds(60));
  EXPECT_EQ(RetryAfter({{"Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"}}),
            std::nullopt);
}

TEST(TokenBucketTest, HandsOutTurnsInOrder) {
  MonotonicTime now{std::chrono::hours(1)};
  TokenBucket bucket(/*per_second=*/10, /*burst=*/2, now);
  EXPECT_EQ(bucket.Take(now, seconds(1)), Duration::zero());
  EXPECT_EQ(bucket.Take(now, seconds(1)), Duration::zero());
  EXPECT_EQ(bucket.Take(now, seconds(1)), milliseconds(100));
  EXPECT_EQ(bucket.Take(now, seconds(1)), milliseconds(200));
  EXPECT_EQ(bucket.Take(now, milliseconds(300)), std::nullopt);
  EXPECT_EQ(bucket.Take(now, milliseconds(301)), milliseconds(300));
  now += seconds(60);  // It never holds more than its burst.
  EXPECT_EQ(bucket.Take(now, seconds(1)), Duration::zero());
  EXPECT_EQ(bucket.Take(now, seconds(1)), Duration::zero());
  EXPECT_EQ(bucket.Take(now, seconds(1)), milliseconds(100));
}

}  // namespace
}  // namespace datashim::kube
