#include "fs/order_detector.h"

#include <gtest/gtest.h>

#include <random>

namespace datashim::fs {
namespace {

constexpr std::size_t kNamesMax = 64;

TEST(OrderDetectorTest, WhoGoesThroughAllIsPreparedForMoreAndMoreAndOnce) {
  OrderDetector detector;
  std::size_t end = 0;
  std::size_t largest = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto ahead = detector.OnUse(i, kNamesMax);
    if (i < 2) {
      EXPECT_EQ(ahead.begin, ahead.end);
    }
    if (ahead.begin == ahead.end) continue;
    EXPECT_EQ(ahead.begin, std::max(end, i + 1));
    EXPECT_LE(ahead.end, i + 1 + kNamesMax);
    end = ahead.end;
    largest = std::max(largest, ahead.end - i - 1);
  }
  EXPECT_EQ(largest, kNamesMax);
}

TEST(OrderDetectorTest, ThreadsThatShareTheWorkAreInOrder) {
  OrderDetector detector;
  std::mt19937 random(1);
  std::size_t prepared = 0;
  for (std::size_t i = 0; i + 8 < 1000; i += 8) {
    for (const std::size_t offset : {5, 0, 7, 1, 3, 2, 6, 4}) {
      const auto ahead = detector.OnUse(i + offset, kNamesMax);
      prepared += ahead.end - ahead.begin;
    }
  }
  EXPECT_GT(prepared, 900u);
}

TEST(OrderDetectorTest, WhoJumpsIsPreparedForNothing) {
  OrderDetector detector;
  std::size_t prepared = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto ahead = detector.OnUse(i * 7919 % 100'000, kNamesMax);
    prepared += ahead.end - ahead.begin;
  }
  EXPECT_EQ(prepared, 0u);
}

}  // namespace
}  // namespace datashim::fs
