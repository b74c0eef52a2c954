#include "credentials/refresh_schedule.h"

#include <gtest/gtest.h>

namespace datashim::credentials {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr MonotonicTime kStart{hours(1)};

RefreshSchedule Schedule(double random = 0) {
  return {kStart, [random] { return random; }};
}

TEST(RefreshScheduleTest, TheFirstFetchIsDueAtOnce) {
  const RefreshSchedule schedule = Schedule();
  EXPECT_EQ(schedule.next_fetch_at(), kStart);
  EXPECT_FALSE(schedule.usable(kStart));
}

TEST(RefreshScheduleTest, NewOnesAreFetchedBeforeTheOldOnesEnd) {
  for (const auto& [random, due] : {std::pair{0.0, minutes(42)},
                                    {0.5, minutes(45)},
                                    {0.999, minutes(48)}}) {
    RefreshSchedule schedule = Schedule(random);
    schedule.OnFetched(kStart, hours(1));
    EXPECT_NEAR(static_cast<double>((schedule.next_fetch_at() - kStart) /
                                    milliseconds(1)),
                static_cast<double>(due / milliseconds(1)), 6000);
    EXPECT_TRUE(schedule.usable(kStart + minutes(59) + seconds(49)));
    EXPECT_FALSE(schedule.usable(kStart + minutes(59) + seconds(50)))
        << "the last ten seconds are for requests that are under way";
  }
}

TEST(RefreshScheduleTest, ShortLivesAreUsedAlmostToTheirEnd) {
  RefreshSchedule schedule = Schedule();
  schedule.OnFetched(kStart, seconds(10));
  EXPECT_EQ(schedule.next_fetch_at(), kStart + seconds(7));
  EXPECT_TRUE(schedule.usable(kStart + milliseconds(8999)));
  EXPECT_FALSE(schedule.usable(kStart + seconds(9)));
}

TEST(RefreshScheduleTest, NoLifetimeMakesItFetchWithoutPause) {
  for (const Duration life :
       {Duration(0), Duration(-seconds(5)), Duration(milliseconds(1)),
        Duration::max(), Duration::min()}) {
    RefreshSchedule schedule = Schedule();
    schedule.OnFetched(kStart, life);
    EXPECT_GE(schedule.next_fetch_at(), kStart + RefreshSchedule::kIntervalMin);
  }
}

TEST(RefreshScheduleTest, KeysThatLastAreNotFetchedAgain) {
  RefreshSchedule schedule = Schedule();
  schedule.OnFetched(kStart, std::nullopt);
  EXPECT_EQ(schedule.next_fetch_at(), MonotonicTime::max());
  EXPECT_TRUE(schedule.usable(kStart + hours(100'000)));
}

TEST(RefreshScheduleTest, AFailedFetchLeavesTheOldOnesAndIsTriedAgain) {
  RefreshSchedule schedule = Schedule(0.999);
  schedule.OnFetched(kStart, hours(1));
  MonotonicTime now = schedule.next_fetch_at();
  Duration before{0};
  for (int n = 1; n <= 100; ++n) {
    schedule.OnFailed(now);
    const Duration wait = schedule.next_fetch_at() - now;
    EXPECT_GE(wait, before);
    EXPECT_LE(wait, RefreshSchedule::kBackOffMax);
    EXPECT_EQ(schedule.failures(), n);
    before = wait;
    EXPECT_EQ(schedule.usable(now),
              now < kStart + hours(1) - RefreshSchedule::kUnusedMax);
    now = schedule.next_fetch_at();
  }
  EXPECT_GT(before, RefreshSchedule::kBackOffMax * 9 / 10);
  schedule.OnFetched(now, hours(1));
  EXPECT_EQ(schedule.failures(), 0);
  EXPECT_TRUE(schedule.usable(now));
}

TEST(RefreshScheduleTest, TheBackOffIsSpread) {
  RefreshSchedule early = Schedule(0);
  RefreshSchedule late = Schedule(0.999);
  early.OnFailed(kStart);
  late.OnFailed(kStart);
  EXPECT_EQ(early.next_fetch_at() - kStart, RefreshSchedule::kBackOffMin / 2);
  EXPECT_GT(late.next_fetch_at() - kStart,
            RefreshSchedule::kBackOffMin * 9 / 10);
}

TEST(RefreshScheduleTest, WhatTheServerRefusesIsGivenUp) {
  RefreshSchedule schedule = Schedule();
  schedule.OnFetched(kStart, hours(1));
  EXPECT_FALSE(schedule.OnRefused(kStart + seconds(9))) << "fetched just now";
  EXPECT_TRUE(schedule.usable(kStart + seconds(9)));
  EXPECT_TRUE(schedule.OnRefused(kStart + seconds(10)));
  EXPECT_FALSE(schedule.usable(kStart + seconds(10)));
  EXPECT_EQ(schedule.next_fetch_at(), kStart + seconds(10));
  EXPECT_FALSE(schedule.OnRefused(kStart + seconds(11))) << "given up already";
}

TEST(RefreshScheduleTest, AChangeEndsTheBackOffOnly) {
  RefreshSchedule schedule = Schedule();
  schedule.OnFetched(kStart, hours(1));
  const MonotonicTime due = schedule.next_fetch_at();
  schedule.OnChange(kStart + minutes(1));
  EXPECT_EQ(schedule.next_fetch_at(), due) << "nothing has failed";
  for (int n = 0; n < 20; ++n) schedule.OnFailed(due);
  schedule.OnChange(due + milliseconds(1));
  EXPECT_EQ(schedule.next_fetch_at(), due + milliseconds(1));
}

}  // namespace
}  // namespace datashim::credentials
