#include "kube/lease.h"

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

namespace datashim::kube {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr MonotonicTime kStart{hours(1)};
constexpr WallTime kWall{seconds(1'700'000'000)};
constexpr const char* kWallText = "2023-11-14T22:13:20.000000Z";

/// The record of a candidate "other", renewed as often as `renewals` says.
LeaseRecord HeldByOther(int renewals = 0) {
  return {.holder = "other",
          .duration_seconds = 15,
          .acquire_time = "t0",
          .renew_time = "t" + std::to_string(renewals),
          .transitions = 3};
}

class LeaseElectionTest : public ::testing::Test {
 protected:
  std::optional<LeaseRecord> Plan(const std::optional<LeaseRecord>& observed,
                                  seconds at) {
    return election_.Plan(observed, kStart + at, kWall);
  }
  bool Leads(seconds at) { return kStart + at < election_.LeadsUntil(); }

  LeaseElection election_{{.lease = {"ns", "l"}, .identity = "me"}};
};

TEST_F(LeaseElectionTest, ALeaseThatIsNotThereIsTaken) {
  const auto record = Plan(std::nullopt, seconds(0));
  ASSERT_TRUE(record);
  EXPECT_EQ(*record, (LeaseRecord{.holder = "me",
                                  .duration_seconds = 15,
                                  .acquire_time = kWallText,
                                  .renew_time = kWallText}));
  EXPECT_FALSE(Leads(seconds(0)));  // Planned is not written.
  election_.OnWritten(*record, kStart);
  EXPECT_TRUE(Leads(seconds(0)));
  EXPECT_EQ(election_.holder(), "me");
}

TEST_F(LeaseElectionTest, LeadsUntilTheRenewDeadline) {
  election_.OnWritten(*Plan(std::nullopt, seconds(0)), kStart);
  EXPECT_TRUE(Leads(seconds(9)));
  EXPECT_FALSE(Leads(seconds(10)));
}

TEST_F(LeaseElectionTest, RenewingKeepsAcquireTimeAndTransitions) {
  LeaseRecord mine = HeldByOther();
  mine.holder = "me";
  const auto renewed = Plan(mine, seconds(2));
  ASSERT_TRUE(renewed);
  EXPECT_EQ(renewed->acquire_time, "t0");
  EXPECT_EQ(renewed->renew_time, kWallText);
  EXPECT_EQ(renewed->transitions, 3);
  election_.OnWritten(*renewed, kStart + seconds(2));
  EXPECT_TRUE(Leads(seconds(11)));
}

TEST_F(LeaseElectionTest, ALeaseOfAnotherIsTakenOnlyAfterWeSawItUnchanged) {
  EXPECT_FALSE(Plan(HeldByOther(0), seconds(0)));
  EXPECT_FALSE(Plan(HeldByOther(0), seconds(14)));
  EXPECT_FALSE(Plan(HeldByOther(1), seconds(16)));  // It was renewed.
  EXPECT_FALSE(Plan(HeldByOther(1), seconds(30)));
  const auto taken = Plan(HeldByOther(1), seconds(31));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->holder, "me");
  EXPECT_EQ(taken->transitions, 4);
  EXPECT_EQ(taken->acquire_time, kWallText);
}

TEST_F(LeaseElectionTest, AReleasedLeaseIsTakenAtOnce) {
  LeaseRecord released = HeldByOther();
  released.holder = "";
  released.duration_seconds = 1;
  const auto taken = Plan(released, seconds(0));
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->transitions, 4);
}

TEST_F(LeaseElectionTest, SeeingAnotherHolderEndsOurLeadAtOnce) {
  election_.OnWritten(*Plan(std::nullopt, seconds(0)), kStart);
  EXPECT_FALSE(Plan(HeldByOther(), seconds(1)));
  EXPECT_FALSE(Leads(seconds(1)));
  EXPECT_EQ(election_.holder(), "other");
}

TEST_F(LeaseElectionTest, ReleaseNamesNobodyAndKeepsTheCount) {
  LeaseRecord mine = HeldByOther();
  mine.holder = "me";
  election_.OnWritten(*Plan(mine, seconds(0)), kStart);
  EXPECT_EQ(election_.Release(kWall), (LeaseRecord{.holder = "",
                                                   .duration_seconds = 1,
                                                   .acquire_time = kWallText,
                                                   .renew_time = kWallText,
                                                   .transitions = 3}));
}

TEST(LeaseFormTest, TheRecordSurvivesTheObjectAndLeavesTheRestAlone) {
  Json lease = {{"metadata", {{"name", "l"}}}, {"spec", {{"strategy", "x"}}}};
  WriteLease(lease, HeldByOther());
  EXPECT_EQ(ParseLease(lease), HeldByOther());
  EXPECT_EQ(lease["spec"]["strategy"], "x");
  EXPECT_EQ(ParseLease(Json::object()), LeaseRecord());
}

TEST(LeaseFormTest, AnAbsurdDurationIsCut) {
  Json lease;
  LeaseRecord record = HeldByOther();
  record.duration_seconds = 1'000'000'000;
  WriteLease(lease, record);
  EXPECT_EQ(ParseLease(lease).duration_seconds, 3600);
  record.duration_seconds = -5;
  WriteLease(lease, record);
  EXPECT_EQ(ParseLease(lease).duration_seconds, 0);
}

}  // namespace
}  // namespace datashim::kube
