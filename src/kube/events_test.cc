#include "kube/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>

namespace datashim::kube {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::StartsWith;

constexpr MonotonicTime kStart{hours(1)};
constexpr WallTime kWall{seconds(1'700'000'000)};

Notice About(const std::string& name, const std::string& message) {
  return {.about = {.api_version = "v1",
                    .kind = "ConfigMap",
                    .key = {"ns", name},
                    .uid = "uid-" + name},
          .type = EventType::kWarning,
          .reason = "Failed",
          .message = message};
}

class EventCorrelatorTest : public ::testing::Test {
 protected:
  EventCorrelator correlator_{{.component = "test",
                               .host = "pod-0",
                               .burst_per_object = 3,
                               .refill_per_object = minutes(5)}};
};

TEST_F(EventCorrelatorTest, TheFirstOfASeriesIsANewEvent) {
  const auto write = correlator_.Plan(About("a", "m"), kStart, kWall);
  ASSERT_TRUE(write);
  EXPECT_FALSE(write->is_patch);
  EXPECT_EQ(write->event.namespace_name, "ns");
  EXPECT_EQ(write->event.name, "a.17979cfe362a0000");
  const Json& event = *write->body;
  EXPECT_EQ(KeyOf(event), write->event);
  EXPECT_EQ(event["involvedObject"]["uid"], "uid-a");
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["reason"], "Failed");
  EXPECT_EQ(event["message"], "m");
  EXPECT_EQ(event["count"], 1);
  EXPECT_EQ(event["firstTimestamp"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(event["source"]["component"], "test");
}

TEST_F(EventCorrelatorTest, TheSameAgainCounts) {
  const auto first = correlator_.Plan(About("a", "m"), kStart, kWall);
  const auto second =
      correlator_.Plan(About("a", "m"), kStart, kWall + seconds(9));
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->is_patch);
  EXPECT_EQ(second->event, first->event);
  EXPECT_EQ(*second->body,
            Json({{"count", 2}, {"lastTimestamp", "2023-11-14T22:13:29Z"}}));
}

TEST_F(EventCorrelatorTest, AnythingElseIsAnotherSeries) {
  std::ignore = correlator_.Plan(About("a", "m"), kStart, kWall);
  EXPECT_FALSE(correlator_.Plan(About("a", "other"), kStart, kWall)->is_patch);
  EXPECT_FALSE(correlator_.Plan(About("b", "m"), kStart, kWall)->is_patch);
  Notice normal = About("a", "m");
  normal.type = EventType::kNormal;
  EXPECT_FALSE(correlator_.Plan(normal, kStart, kWall)->is_patch);
}

TEST_F(EventCorrelatorTest, AnExpiredEventIsMadeAnewAndGoesOnCounting) {
  std::ignore = correlator_.Plan(About("a", "m"), kStart, kWall);
  std::ignore = correlator_.Plan(About("a", "m"), kStart, kWall);
  const EventWrite anew =
      correlator_.PlanAnew(About("a", "m"), kWall + hours(2));
  EXPECT_FALSE(anew.is_patch);
  EXPECT_EQ((*anew.body)["count"], 2);
  EXPECT_EQ((*anew.body)["firstTimestamp"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(correlator_.Plan(About("a", "m"), kStart, kWall)->event,
            anew.event);
}

TEST_F(EventCorrelatorTest, AnObjectHasItsShareAndNoMore) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(correlator_.Plan(About("a", std::to_string(i)), kStart, kWall));
  }
  EXPECT_FALSE(correlator_.Plan(About("a", "m"), kStart, kWall));
  EXPECT_TRUE(correlator_.Plan(About("b", "m"), kStart, kWall));
  EXPECT_FALSE(correlator_.Plan(About("a", "m"),
                                kStart + minutes(5) - seconds(1), kWall));
  EXPECT_TRUE(correlator_.Plan(About("a", "m"), kStart + minutes(5), kWall));
  EXPECT_FALSE(correlator_.Plan(About("a", "m"), kStart + minutes(5), kWall));
}

TEST_F(EventCorrelatorTest, SilenceSavesUpNoMoreThanTheShare) {
  std::ignore = correlator_.Plan(About("a", "m"), kStart, kWall);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(correlator_.Plan(About("a", "m"), kStart + hours(9), kWall));
  }
  EXPECT_FALSE(correlator_.Plan(About("a", "m"), kStart + hours(9), kWall));
}

TEST_F(EventCorrelatorTest, AnEventOnAClusterWideObjectIsInDefault) {
  Notice notice = About("a", "m");
  notice.about.key.namespace_name = "";
  EXPECT_EQ(correlator_.Plan(notice, kStart, kWall)->event.namespace_name,
            "default");
}

TEST(RecencyMapTest, ForgetsWhatWasUsedLeastRecently) {
  RecencyMap<int> map(2);
  map.Touch("a") = 1;
  map.Touch("b") = 2;
  EXPECT_EQ(map.Touch("a"), 1);
  map.Touch("c") = 3;  // "b" goes.
  EXPECT_EQ(map.size(), 2u);
  EXPECT_EQ(map.Touch("a"), 1);
  EXPECT_EQ(map.Touch("c"), 3);
  EXPECT_EQ(map.Touch("b"), 0);
}

TEST(CutTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CutText("short", 10), "short");
  EXPECT_EQ(CutText("0123456789", 10), "0123456789");
  EXPECT_EQ(CutText("01234567890", 10), "0123456…");
  EXPECT_EQ(CutText("012345äöü90", 10), "012345…");  // 'ä' would be halved.
}

}  // namespace
}  // namespace datashim::kube
