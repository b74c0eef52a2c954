#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/thread_pool.h"

namespace datashim {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) {
    return Error{ErrorCode::kInvalidArgument, "the number is odd"};
  }
  return number / 2;
}

Result<int> Quarter(int number) {
  DS_ASSIGN_OR_RETURN(const int half, Half(number));
  DS_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

TEST(ResultTest, AssignOrReturnPassesValueAndError) {
  EXPECT_EQ(Quarter(8).value(), 2);
  EXPECT_EQ(Quarter(6).error().code, ErrorCode::kInvalidArgument);
}

TEST(ResultTest, WrapPutsTheContextInFront) {
  const Error error = Half(3).error().Wrap("quarter of 6");
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.message, "quarter of 6: the number is odd");
}

TEST(ResultDeathTest, ValueOfAnErrorAborts) {
  EXPECT_DEATH(std::ignore = Half(3).value(), "check failed");
}

TEST(DeadlineTest, PassesWhenItsTimeComes) {
  FakeClock clock;
  const Deadline deadline = Deadline::After(std::chrono::seconds(5), clock);
  EXPECT_FALSE(deadline.HasPassed(clock));
  clock.Advance(std::chrono::seconds(4));
  EXPECT_EQ(deadline.Remaining(clock), std::chrono::seconds(1));
  clock.Advance(std::chrono::seconds(1));
  EXPECT_TRUE(deadline.HasPassed(clock));
  EXPECT_EQ(deadline.Remaining(clock), Duration::zero());
  EXPECT_EQ(Deadline::Never().Remaining(clock), Duration::max());
}

TEST(FakeClockTest, SleepEndsWhenTheClockPassesIt) {
  FakeClock clock;
  std::atomic<bool> slept = false;
  std::jthread sleeper([&](std::stop_token stop) {
    slept = clock.SleepFor(std::chrono::seconds(10), stop);
  });
  clock.Advance(std::chrono::seconds(10));
  // The sleeper may have begun after Advance: then stop ends it.
  while (!slept) clock.Advance(std::chrono::seconds(10));
  EXPECT_TRUE(slept);
}

TEST(FakeClockTest, SleepEndsWhenStopped) {
  FakeClock clock;
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(clock.SleepFor(std::chrono::hours(1), stop.get_token()));
}

TEST(SecretStringTest, MovedFromHoldsNothing) {
  SecretString key("short");
  const SecretString moved = std::move(key);
  EXPECT_EQ(moved.Reveal(), "short");
  EXPECT_TRUE(key.empty());
}

TEST(LogTest, FieldsCannotForgeALine) {
  EXPECT_EQ(log::FormatForTest("x", {{"key", "a\"}\n{\"level\":\"error"}}),
            R"("msg":"x","key":"a\"}\u000a{\"level\":\"error")");
}

TEST(LogTest, LevelNamesAreParsed) {
  EXPECT_TRUE(log::SetLevel("warn"));
  EXPECT_FALSE(log::SetLevel("loud"));
  EXPECT_TRUE(log::SetLevel("info"));
}

TEST(ThreadPoolTest, RunsEverythingThatWasSubmitted) {
  std::atomic<int> ran = 0;
  ThreadPool pool("test", 3, 4);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(pool.Submit([&] { ++ran; }));
  }
  pool.Stop();
  EXPECT_EQ(ran, 100);
  EXPECT_FALSE(pool.Submit([&] { ++ran; }));
}

TEST(ThreadPoolTest, TrySubmitRefusesWhenFull) {
  ThreadPool pool("test", 1, 1);
  std::mutex gate;
  gate.lock();
  std::atomic<bool> started = false;
  EXPECT_TRUE(pool.Submit([&] {
    started = true;
    const std::lock_guard wait(gate);
  }));
  while (!started) std::this_thread::yield();
  EXPECT_TRUE(pool.TrySubmit([] {}));
  EXPECT_FALSE(pool.TrySubmit([] {}));
  gate.unlock();
}

}  // namespace
}  // namespace datashim
