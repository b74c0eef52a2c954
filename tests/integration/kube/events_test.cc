#include "kube/events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube_test_base.h"

namespace datashim::integration {
namespace {

using kube::EventType;
using kube::Json;

class EventsTest : public KubeTest {
 protected:
  std::vector<Json> Events() {
    auto list = client_->List(kube::kEvents, space_, {}, Soon());
    EXPECT_TRUE(list.ok());
    return std::move(list->items);
  }
};

TEST_F(EventsTest, TheSameEventIsOneObjectThatCounts) {
  const Json object = MustCreate(ConfigMap("a", "1"));
  kube::EventRecorder recorder(*client_, {.component = "test"});
  recorder.Start();
  for (int i = 0; i < 5; ++i) {
    recorder.Emit(object, EventType::kWarning, "NoBucket", "no such bucket");
  }
  recorder.Emit(object, EventType::kNormal, "Bound", "the claim is bound");
  ASSERT_TRUE(Eventually([&] { return recorder.metrics().sent == 6; }));
  const auto events = Events();
  ASSERT_EQ(events.size(), 2u);
  const Json& repeated = events[0]["count"] == 5 ? events[0] : events[1];
  EXPECT_EQ(repeated["count"], 5);
  EXPECT_EQ(repeated["reason"], "NoBucket");
  EXPECT_EQ(repeated["message"], "no such bucket");
  EXPECT_EQ(repeated["involvedObject"]["uid"], kube::UidOf(object));
}

TEST_F(EventsTest, AnEventThatExpiredIsWrittenAnew) {
  const Json object = MustCreate(ConfigMap("a", "1"));
  kube::EventRecorder recorder(*client_, {});
  recorder.Start();
  recorder.Emit(object, EventType::kNormal, "Bound", "m");
  ASSERT_TRUE(Eventually([&] { return Events().size() == 1; }));
  ASSERT_TRUE(
      client_->Delete(kube::kEvents, kube::KeyOf(Events()[0]), {}, Soon())
          .ok());
  recorder.Emit(object, EventType::kNormal, "Bound", "m");
  ASSERT_TRUE(Eventually([&] { return Events().size() == 1; }));
  EXPECT_EQ(Events()[0]["count"], 2);
}

TEST_F(EventsTest, AnObjectThatSaysTooMuchIsCutOff) {
  const Json object = MustCreate(ConfigMap("a", "1"));
  kube::EventRecorder recorder(*client_, {});
  recorder.Start();
  for (int i = 0; i < 40; ++i) {
    recorder.Emit(object, EventType::kNormal, "Noise", std::to_string(i));
  }
  ASSERT_TRUE(Eventually([&] {
    const auto metrics = recorder.metrics();
    return metrics.sent + metrics.dropped == 40;
  }));
  EXPECT_EQ(recorder.metrics().sent, 25u);
  EXPECT_EQ(Events().size(), 25u);
}

TEST_F(EventsTest, ALongMessageIsCutAndAccepted) {
  const Json object = MustCreate(ConfigMap("a", "1"));
  kube::EventRecorder recorder(*client_, {});
  recorder.Start();
  recorder.Emit(object, EventType::kNormal, "Long", std::string(9000, 'x'));
  ASSERT_TRUE(Eventually([&] { return recorder.metrics().sent == 1; }));
  const auto message = kube::StringAt(Events()[0], {"message"});
  EXPECT_EQ(message.size(), kube::kEventMessageBytesMax);
}

TEST_F(EventsTest, WhatIsQueuedIsSentBeforeItStops) {
  const Json object = MustCreate(ConfigMap("a", "1"));
  kube::EventRecorder recorder(*client_, {});
  recorder.Emit(object, EventType::kNormal, "Stopping", "m");
  recorder.Start();
  recorder.Stop();
  EXPECT_EQ(recorder.metrics().sent, 1u);
  EXPECT_EQ(Events().size(), 1u);
}

TEST_F(EventsTest, EmitNeitherBlocksNorFailsWhenNobodyTakesThem) {
  const Json object = ConfigMap("a", "1");
  kube::EventRecorder recorder(*client_, {.queue_items_max = 3});
  for (int i = 0; i < 10; ++i) {
    recorder.Emit(object, EventType::kNormal, "R", "m");
  }
  EXPECT_EQ(recorder.metrics().dropped, 7u);
}

TEST_F(EventsTest, ARefusalIsCounted) {
  Json object = ConfigMap("a", "1");
  object["metadata"]["namespace"] = "there-is-no-such-namespace";
  kube::EventRecorder recorder(*client_, {});
  recorder.Start();
  recorder.Emit(object, EventType::kNormal, "R", "m");
  EXPECT_TRUE(Eventually([&] { return recorder.metrics().failed == 1; }));
}

}  // namespace
}  // namespace datashim::integration
