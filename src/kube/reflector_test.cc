#include "kube/reflector.h"

#include <gtest/gtest.h>

#include <chrono>

namespace datashim::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Error kGone{ErrorCode::kOutOfRange, "too old resource version"};
const Error kDown{ErrorCode::kUnavailable, "connection refused"};

/// A reflector whose chance is always the same, and a reader of its actions.
class ReflectorTest : public ::testing::Test {
 protected:
  void ExpectList(const std::string& continue_token) {
    const ReflectorAction action = reflector_.Next();
    ASSERT_EQ(action.step, ReflectorStep::kListPage);
    EXPECT_EQ(action.continue_token, continue_token);
  }
  void ExpectWatch(const std::string& resource_version) {
    const ReflectorAction action = reflector_.Next();
    ASSERT_EQ(action.step, ReflectorStep::kWatch);
    EXPECT_EQ(action.resource_version, resource_version);
  }
  void ExpectWait(Duration wait) {
    const ReflectorAction action = reflector_.Next();
    ASSERT_EQ(action.step, ReflectorStep::kWait);
    EXPECT_EQ(action.wait, wait);
  }
  void ListAt(const std::string& resource_version) {
    ExpectList("");
    ASSERT_EQ(reflector_.OnListPage(resource_version, ""),
              ListProgress::kComplete);
  }

  double random_ = 1.0;  // Back-off is then undiminished.
  Reflector reflector_{{.backoff_min = seconds(1), .backoff_max = seconds(4)},
                       [this] { return random_; }};
};

TEST_F(ReflectorTest, ListsAllPagesThenWatchesFromTheList) {
  ExpectList("");
  EXPECT_EQ(reflector_.OnListPage("10", "next"), ListProgress::kMorePages);
  ExpectList("next");
  EXPECT_EQ(reflector_.OnListPage("10", ""), ListProgress::kComplete);
  ExpectWatch("10");
}

TEST_F(ReflectorTest, GoesOnFromTheLastEvent) {
  ListAt("10");
  ExpectWatch("10");
  reflector_.OnWatchEvent("11");
  reflector_.OnWatchEvent("17");  // A bookmark counts as well.
  reflector_.OnWatchEnd(OkStatus(), seconds(300));
  ExpectWatch("17");
}

TEST_F(ReflectorTest, AFailedConnectionBacksOffAndResumes) {
  ListAt("10");
  for (const int wait : {1, 2, 4}) {
    ExpectWatch("10");
    reflector_.OnWatchEnd(kDown, milliseconds(3));
    ExpectWait(seconds(wait));
  }
  ExpectWatch("10");
  reflector_.OnWatchEvent("11");  // It is back.
  reflector_.OnWatchEnd(kDown, milliseconds(3));
  ExpectWait(seconds(1));
  ExpectWatch("11");
}

TEST_F(ReflectorTest, AWatchThatLivedLongWasHealthyEvenWithoutEvents) {
  ListAt("10");
  for (int i = 0; i < 5; ++i) {
    ExpectWatch("10");
    reflector_.OnWatchEnd(kDown, seconds(60));
    ExpectWait(seconds(1));
  }
}

TEST_F(ReflectorTest, ErrorsWithoutEndLeadToANewList) {
  ListAt("10");
  for (const int wait : {1, 2, 4}) {
    ExpectWatch("10");
    reflector_.OnWatchEnd(kDown, seconds(0));
    ExpectWait(seconds(wait));
  }
  ExpectWatch("10");
  reflector_.OnWatchEnd(kDown, seconds(0));
  ExpectWait(seconds(4));
  ExpectList("");
}

TEST_F(ReflectorTest, ABrokenVersionLeadsToANewListAtOnceAfterTheWait) {
  for (const ErrorCode code : {ErrorCode::kOutOfRange, ErrorCode::kDataLoss,
                               ErrorCode::kInvalidArgument}) {
    Reflector reflector({.backoff_min = seconds(1)}, [] { return 1.0; });
    reflector.OnListPage("10", "");
    reflector.OnWatchEnd(Error{code, "x"}, seconds(1));
    EXPECT_EQ(reflector.Next().step, ReflectorStep::kWait);
    const ReflectorAction action = reflector.Next();
    EXPECT_EQ(action.step, ReflectorStep::kListPage);
    EXPECT_EQ(action.continue_token, "");
  }
}

TEST_F(ReflectorTest, AnExpiredTokenStartsTheListAgain) {
  ExpectList("");
  reflector_.OnListPage("10", "next");
  reflector_.OnListError(kDown);
  ExpectWait(seconds(1));
  ExpectList("next");
  reflector_.OnListError(kGone);
  ExpectWait(seconds(2));
  ExpectList("");
}

TEST_F(ReflectorTest, AServerThatEndsEveryWatchAtOnceIsNotAskedInALoop) {
  ListAt("10");
  ExpectWatch("10");
  reflector_.OnWatchEnd(OkStatus(), milliseconds(10));
  ExpectWait(seconds(1));
}

TEST_F(ReflectorTest, ChanceSpreadsWaitsAndTimeouts) {
  random_ = 0;
  ListAt("10");
  EXPECT_EQ(reflector_.Next().watch_timeout, seconds(300));
  reflector_.OnWatchEnd(kDown, seconds(0));
  ExpectWait(milliseconds(500));
  random_ = 0.5;
  EXPECT_EQ(reflector_.Next().watch_timeout, seconds(450));
}

}  // namespace
}  // namespace datashim::kube
