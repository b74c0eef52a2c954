#include "kube/controller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

namespace datashim::kube {
namespace {

using std::chrono::seconds;

const ObjectKey kA{"ns", "a"};

/// Runs a controller whose results come from a list, in order.
class ControllerTest : public ::testing::Test {
 protected:
  void Run(std::vector<Result<Outcome>> results) {
    results_ = std::move(results);
    controller_ = std::make_unique<Controller>(
        ControllerOptions{.name = "test",
                          .workers = 2,
                          .reconcile_timeout = seconds(7),
                          .queue = {.backoff_min = seconds(1)}},
        [this](const ObjectKey& key, Deadline deadline) {
          EXPECT_EQ(key, kA);
          EXPECT_EQ(deadline.Remaining(clock_), seconds(7));
          const int call = calls_++;
          calls_.notify_all();
          return results_.at(static_cast<std::size_t>(call));
        },
        clock_);
    controller_->Start();
    controller_->queue().Add(kA);
  }

  /// Waits for that many calls and until the queue has seen their results.
  void WaitForCalls(int count) {
    for (int seen = calls_; seen < count; seen = calls_) calls_.wait(seen);
    while (controller_->queue().metrics().processing > 0) {
      std::this_thread::yield();
    }
  }

  FakeClock clock_;
  std::vector<Result<Outcome>> results_;
  std::atomic<int> calls_ = 0;
  std::unique_ptr<Controller> controller_;
};

TEST_F(ControllerTest, DoneRestsUntilTheKeyIsAddedAgain) {
  Run({Outcome::Done(), Outcome::Done()});
  WaitForCalls(1);
  EXPECT_EQ(controller_->queue().metrics().delayed, 0u);
  controller_->queue().Add(kA);
  WaitForCalls(2);
  EXPECT_EQ(controller_->metrics().reconciles, 2u);
  EXPECT_EQ(controller_->metrics().errors, 0u);
}

TEST_F(ControllerTest, RequeueAfterComesBackInItsTime) {
  Run({Outcome::RequeueAfter(seconds(30)), Outcome::Done()});
  WaitForCalls(1);
  clock_.Advance(seconds(29));
  EXPECT_EQ(controller_->queue().metrics().delayed, 1u);
  clock_.Advance(seconds(1));
  WaitForCalls(2);
}

TEST_F(ControllerTest, ErrorsBackOffAndSuccessForgetsThem) {
  const Error error{ErrorCode::kUnavailable, "no answer"};
  Run({error, error, Outcome::Done()});
  WaitForCalls(1);
  clock_.Advance(seconds(1));
  WaitForCalls(2);
  EXPECT_EQ(controller_->queue().Failures(kA), 2);
  clock_.Advance(seconds(2));
  WaitForCalls(3);
  EXPECT_EQ(controller_->queue().Failures(kA), 0);
  EXPECT_EQ(controller_->metrics().errors, 2u);
  EXPECT_EQ(controller_->metrics().queue.retries, 2u);
}

TEST_F(ControllerTest, InvalidArgumentIsNotTriedAgain) {
  Run({Error{ErrorCode::kInvalidArgument, "no bucket"}});
  WaitForCalls(1);
  EXPECT_EQ(controller_->queue().metrics().delayed, 0u);
  EXPECT_EQ(controller_->metrics().terminal_errors, 1u);
}

TEST_F(ControllerTest, StopWaitsForTheReconcileThatRuns) {
  std::promise<void> started;
  std::promise<void> go_on;
  std::atomic<bool> ended = false;
  Controller controller(
      {.name = "test"},
      [&](const ObjectKey&, Deadline) -> Result<Outcome> {
        started.set_value();
        go_on.get_future().wait();
        ended = true;
        return Outcome::Done();
      },
      clock_);
  controller.Start();
  controller.queue().Add(kA);
  started.get_future().wait();
  std::jthread stopper([&] {
    controller.RequestStop();
    go_on.set_value();
  });
  controller.Stop();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace datashim::kube
