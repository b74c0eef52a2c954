#include "fuse/pending_reads.h"

#include <gtest/gtest.h>

namespace datashim::fuse {
namespace {

std::shared_ptr<Channel> NoDevice() {
  return std::make_shared<Channel>(sys::UniqueFd());
}

TEST(PendingReadsTest, OnlyOneTakesARead) {
  PendingReads reads;
  const auto channel = NoDevice();
  ASSERT_TRUE(reads.Add(1, channel));
  ASSERT_TRUE(reads.Add(2, channel));
  EXPECT_EQ(reads.Take(1), channel);
  EXPECT_EQ(reads.Take(1), nullptr);
  EXPECT_EQ(reads.TakeInterrupted(2), channel);
  EXPECT_EQ(reads.Take(2), nullptr);
  EXPECT_EQ(channel.use_count(), 1);
}

TEST(PendingReadsTest, InterruptThatCameFirstIsRemembered) {
  PendingReads reads;
  EXPECT_EQ(reads.TakeInterrupted(7), nullptr);
  ASSERT_TRUE(reads.Add(8, NoDevice()));
  EXPECT_FALSE(reads.Add(7, NoDevice()));
  EXPECT_TRUE(reads.Add(7, NoDevice())) << "it counts once";
}

TEST(PendingReadsTest, RemembersTheLast64) {
  PendingReads reads;
  for (std::uint64_t unique = 1; unique <= 65; ++unique) {
    EXPECT_EQ(reads.TakeInterrupted(unique), nullptr);
  }
  EXPECT_TRUE(reads.Add(1, NoDevice()));
  EXPECT_FALSE(reads.Add(2, NoDevice()));
  EXPECT_FALSE(reads.Add(65, NoDevice()));
}

TEST(PendingReadsTest, ClearLetsGoOfTheChannels) {
  PendingReads reads;
  const auto channel = NoDevice();
  ASSERT_TRUE(reads.Add(1, channel));
  reads.Clear();
  EXPECT_EQ(channel.use_count(), 1);
  EXPECT_EQ(reads.Take(1), nullptr);
}

}  // namespace
}  // namespace datashim::fuse
