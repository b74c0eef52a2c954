#include "net/retry.h"

#include <gtest/gtest.h>

namespace datashim::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RetryPolicy kPolicy = {.attempts_max = 5,
                                 .delay_base = milliseconds(100),
                                 .delay_max = milliseconds(350)};

double Always1() { return 1.0; }

TEST(RetryScheduleTest, CeilingDoublesUpToTheMaximum) {
  FakeClock clock;
  RetryBudget budget;
  RetrySchedule schedule(kPolicy, budget, Deadline::Never(), clock, Always1);
  EXPECT_EQ(schedule.Next(), milliseconds(100));
  EXPECT_EQ(schedule.Next(), milliseconds(200));
  EXPECT_EQ(schedule.Next(), milliseconds(350));
  EXPECT_EQ(schedule.Next(), milliseconds(350));
  EXPECT_EQ(schedule.Next(), std::nullopt);
  EXPECT_EQ(schedule.attempts(), 5);
}

TEST(RetryScheduleTest, JitterScalesTheWholeDelay) {
  FakeClock clock;
  RetryBudget budget;
  RetrySchedule schedule(kPolicy, budget, Deadline::Never(), clock,
                         [] { return 0.25; });
  EXPECT_EQ(schedule.Next(), milliseconds(25));
  EXPECT_EQ(schedule.Next(), milliseconds(50));
}

TEST(RetryScheduleTest, RetryAfterIsALowerBound) {
  FakeClock clock;
  RetryBudget budget;
  RetrySchedule schedule(kPolicy, budget, Deadline::Never(), clock, Always1);
  EXPECT_EQ(schedule.Next(seconds(7)), seconds(7));
  EXPECT_EQ(schedule.Next(milliseconds(1)), milliseconds(200));
}

TEST(RetryScheduleTest, GivesUpWhenTheWaitWouldPassTheDeadline) {
  FakeClock clock;
  RetryBudget budget;
  RetrySchedule schedule(kPolicy, budget,
                         Deadline::After(milliseconds(250), clock), clock,
                         Always1);
  EXPECT_EQ(schedule.Next(), milliseconds(100));
  clock.Advance(milliseconds(100));
  EXPECT_EQ(schedule.Next(), std::nullopt);  // 150 ms are left, 200 wanted.
}

TEST(RetryScheduleTest, HugeAttemptCountsDoNotOverflow) {
  FakeClock clock;
  RetryBudget budget(1'000'000);
  RetrySchedule schedule({.attempts_max = 1000}, budget, Deadline::Never(),
                         clock, Always1);
  for (int i = 1; i < 999; ++i) {
    const auto delay = schedule.Next();
    ASSERT_TRUE(delay);
    ASSERT_GT(*delay, Duration::zero());
    ASSERT_LE(*delay, seconds(5));
  }
}

TEST(RetryBudgetTest, IsSharedAndRefilledBySuccess) {
  FakeClock clock;
  RetryBudget budget(/*tokens_max=*/10, /*retry_cost=*/5);
  RetrySchedule a(kPolicy, budget, Deadline::Never(), clock, Always1);
  RetrySchedule b(kPolicy, budget, Deadline::Never(), clock, Always1);
  EXPECT_TRUE(a.Next());
  EXPECT_TRUE(b.Next());
  EXPECT_FALSE(a.Next());
  for (int i = 0; i < 4; ++i) budget.OnSuccess();
  EXPECT_FALSE(a.Next());
  budget.OnSuccess();
  EXPECT_TRUE(a.Next());
}

TEST(RetryBudgetTest, DoesNotGrowBeyondItsSize) {
  RetryBudget budget(/*tokens_max=*/5, /*retry_cost=*/5);
  for (int i = 0; i < 100; ++i) budget.OnSuccess();
  EXPECT_TRUE(budget.TryTake());
  EXPECT_FALSE(budget.TryTake());
}

TEST(SystemRandomTest, StaysInTheUnitInterval) {
  const RandomUnit random = SystemRandom();
  for (int i = 0; i < 1000; ++i) {
    const double value = random();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
  }
}

}  // namespace
}  // namespace datashim::net
