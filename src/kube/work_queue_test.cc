#include "kube/work_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace datashim::kube {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Eq;
using ::testing::Optional;

constexpr MonotonicTime kStart{hours(1)};
const ObjectKey kA{"ns", "a"};
const ObjectKey kB{"ns", "b"};

TEST(WorkQueueCoreTest, KeysComeInTheirOrderAndOnce) {
  WorkQueueCore queue({});
  EXPECT_TRUE(queue.Add(kB));
  EXPECT_TRUE(queue.Add(kA));
  EXPECT_FALSE(queue.Add(kB));
  EXPECT_EQ(queue.depth(), 2u);
  EXPECT_EQ(queue.Pop(kStart), kB);
  EXPECT_EQ(queue.Pop(kStart), kA);
  EXPECT_EQ(queue.Pop(kStart), std::nullopt);
}

TEST(WorkQueueCoreTest, AKeyAddedWhileProcessedComesAgainAfterDone) {
  WorkQueueCore queue({});
  queue.Add(kA);
  ASSERT_EQ(queue.Pop(kStart), kA);
  EXPECT_FALSE(queue.Add(kA));
  EXPECT_FALSE(queue.Add(kA));
  EXPECT_EQ(queue.Pop(kStart), std::nullopt);
  EXPECT_TRUE(queue.Done(kA));
  EXPECT_EQ(queue.Pop(kStart), kA);
  EXPECT_FALSE(queue.Done(kA));
  EXPECT_EQ(queue.Pop(kStart), std::nullopt);
}

TEST(WorkQueueCoreTest, OfSeveralDelaysTheEarliestCounts) {
  WorkQueueCore queue({});
  queue.AddAfter(kA, seconds(5), kStart);
  queue.AddAfter(kA, seconds(2), kStart);
  queue.AddAfter(kA, seconds(9), kStart);
  EXPECT_EQ(queue.NextDue(), kStart + seconds(2));
  EXPECT_EQ(queue.delayed(), 1u);
  EXPECT_EQ(queue.Pop(kStart + seconds(2) - milliseconds(1)), std::nullopt);
  EXPECT_EQ(queue.Pop(kStart + seconds(2)), kA);
  queue.Done(kA);
  EXPECT_EQ(queue.NextDue(), std::nullopt);
  EXPECT_EQ(queue.Pop(kStart + seconds(10)), std::nullopt);
}

TEST(WorkQueueCoreTest, AnAddAtOnceDoesNotCancelTheDelayedOne) {
  WorkQueueCore queue({});
  queue.AddAfter(kA, seconds(5), kStart);
  queue.Add(kA);
  EXPECT_EQ(queue.Pop(kStart), kA);
  queue.Done(kA);
  EXPECT_EQ(queue.Pop(kStart + seconds(5)), kA);
}

TEST(WorkQueueCoreTest, BackOffDoublesUpToItsLimitAndForgets) {
  WorkQueueCore queue(
      {.backoff_min = milliseconds(5), .backoff_max = seconds(1000)});
  std::vector<Duration> delays;
  for (int i = 0; i < 20; ++i) {
    queue.AddRateLimited(kA, kStart);
    delays.push_back(*queue.NextDue() - kStart);
    ASSERT_EQ(queue.Pop(*queue.NextDue()), kA);
    queue.Done(kA);
  }
  EXPECT_EQ(delays[0], milliseconds(5));
  EXPECT_EQ(delays[1], milliseconds(10));
  EXPECT_EQ(delays[10], milliseconds(5 << 10));
  EXPECT_EQ(delays[18], seconds(1000));
  EXPECT_EQ(delays[19], seconds(1000));
  EXPECT_EQ(queue.Failures(kA), 20);
  EXPECT_EQ(queue.Failures(kB), 0);
  queue.Forget(kA);
  EXPECT_EQ(queue.Failures(kA), 0);
  queue.AddRateLimited(kA, kStart);
  EXPECT_EQ(queue.NextDue(), kStart + milliseconds(5));
}

TEST(WorkQueueCoreDeathTest, DoneWithoutPopIsABug) {
  WorkQueueCore queue({});
  EXPECT_DEATH(queue.Done(kA), "check failed");
}

// Against the definition: after the last Add of a key there is a Pop of it, and
// no key is in two hands. --gtest_random_seed=N replays a failure.
TEST(WorkQueueCoreTest, NoKeyIsLostOrDoubledByRandomUse) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  WorkQueueCore queue({});
  MonotonicTime now = kStart;
  std::map<ObjectKey, bool> owed;  // Added (or due) since its last Pop.
  std::map<ObjectKey, MonotonicTime> due;
  std::vector<ObjectKey> in_hand;
  for (int step = 0; step < 20'000; ++step) {
    const ObjectKey key{"", std::to_string(random() % 8)};
    switch (random() % 4) {
      case 0:
        queue.Add(key);
        owed[key] = true;
        break;
      case 1: {
        const milliseconds delay(random() % 50);
        const MonotonicTime time = now + delay;
        queue.AddAfter(key, delay, now);
        due[key] = due.contains(key) ? std::min(due[key], time) : time;
        break;
      }
      case 2:
        now += milliseconds(random() % 20);
        break;
      case 3:
        if (!in_hand.empty()) {
          queue.Done(in_hand.back());
          in_hand.pop_back();
        }
        break;
    }
    for (auto it = due.begin(); it != due.end();) {
      if (it->second > now) {
        ++it;
        continue;
      }
      owed[it->first] = true;
      it = due.erase(it);
    }
    while (in_hand.size() < 3) {
      const auto popped = queue.Pop(now);
      if (!popped) break;
      ASSERT_TRUE(owed[*popped]);
      owed[*popped] = false;
      ASSERT_THAT(in_hand, ::testing::Not(::testing::Contains(*popped)));
      in_hand.push_back(*popped);
    }
    if (in_hand.size() < 3) {
      for (const auto& [owed_key, is_owed] : owed) {
        if (!is_owed) continue;
        ASSERT_THAT(in_hand, ::testing::Contains(owed_key));
      }
    }
  }
}

TEST(WorkQueueTest, GetWaitsForAnAdd) {
  FakeClock clock;
  WorkQueue queue({}, clock);
  auto got = std::async(std::launch::async, [&] { return queue.Get(); });
  queue.Add(kA);
  EXPECT_EQ(got.get(), kA);
  EXPECT_EQ(queue.metrics().processing, 1u);
  queue.Done(kA);
  EXPECT_EQ(queue.metrics().processing, 0u);
  EXPECT_EQ(queue.metrics().adds, 1u);
}

TEST(WorkQueueTest, GetWaitsUntilADelayedKeyIsDue) {
  FakeClock clock;
  WorkQueue queue({}, clock);
  queue.AddAfter(kA, seconds(10));
  auto got = std::async(std::launch::async, [&] { return queue.Get(); });
  clock.Advance(seconds(9));
  EXPECT_EQ(got.wait_for(milliseconds(0)), std::future_status::timeout);
  clock.Advance(seconds(1));
  EXPECT_EQ(got.get(), kA);
}

TEST(WorkQueueTest, AnEarlierKeyShortensTheWait) {
  FakeClock clock;
  WorkQueue queue({}, clock);
  queue.AddAfter(kA, hours(10));
  auto got = std::async(std::launch::async, [&] { return queue.Get(); });
  queue.AddAfter(kB, seconds(1));
  clock.Advance(seconds(1));
  EXPECT_EQ(got.get(), kB);
}

// The worker that slept until the delayed key's time takes another key and is
// busy: the other worker must wake up for the delayed one.
TEST(WorkQueueTest, ADelayedKeyIsNotLateBecauseItsWaiterGotOtherWork) {
  FakeClock clock;
  WorkQueue queue({}, clock);
  std::mutex mutex;
  std::vector<ObjectKey> got;
  std::promise<void> first;
  std::promise<void> second;
  const auto work = [&] {
    const auto key = queue.Get();  // Never Done: this worker stays busy.
    const std::lock_guard lock(mutex);
    got.push_back(*key);
    (got.size() == 1 ? first : second).set_value();
  };
  std::jthread worker_1(work);
  std::jthread worker_2(work);
  const auto wait_for_idle = [&] {
    while (queue.metrics().idle < 2) std::this_thread::yield();
  };
  wait_for_idle();
  queue.AddAfter(kA, seconds(1));  // Wakes one, which sleeps again till then.
  wait_for_idle();
  queue.Add(kB);  // Wakes the same one.
  first.get_future().wait();
  clock.Advance(seconds(1));
  second.get_future().wait();
  EXPECT_THAT(got, ::testing::ElementsAre(kB, kA));
}

TEST(WorkQueueTest, StopAndShutDownEndEveryGet) {
  FakeClock clock;
  WorkQueue queue({}, clock);
  std::stop_source stop;
  auto stopped = std::async(std::launch::async,
                            [&] { return queue.Get(stop.get_token()); });
  auto shut_down = std::async(std::launch::async, [&] { return queue.Get(); });
  stop.request_stop();
  EXPECT_EQ(stopped.get(), std::nullopt);
  queue.ShutDown();
  EXPECT_EQ(shut_down.get(), std::nullopt);
  queue.Add(kA);
  EXPECT_EQ(queue.Get(), std::nullopt);
  EXPECT_EQ(queue.metrics().depth, 0u);
}

}  // namespace
}  // namespace datashim::kube
