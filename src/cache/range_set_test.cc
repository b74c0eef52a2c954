#include "cache/range_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace datashim::cache {
namespace {

using store::ByteRange;

TEST(RangeSetTest, StartsEmptyAndBecomesFull) {
  RangeSet set(10);
  EXPECT_FALSE(set.full());
  EXPECT_EQ(set.NextGap(0), (ByteRange{0, 10}));
  set.Add({0, 4});
  set.Add({6, 4});
  EXPECT_EQ(set.NextGap(0), (ByteRange{4, 2}));
  EXPECT_EQ(set.NextGap(5), (ByteRange{5, 1}));
  EXPECT_EQ(set.NextGap(6).size, 0u);
  set.Add({4, 2});
  EXPECT_TRUE(set.full());
  EXPECT_TRUE(RangeSet(0).full());
}

// Against one flag for each byte.
TEST(RangeSetTest, DoesWhatFlagsDo) {
  constexpr std::uint64_t kBytes = 40;
  for (unsigned seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::uint64_t limit) {
      return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random);
    };
    RangeSet set(kBytes);
    std::vector<bool> flags(kBytes);
    for (int step = 0; step < 60; ++step) {
      const std::uint64_t offset = below(kBytes);
      const ByteRange range{offset, below(kBytes - offset + 1)};
      const bool add = below(3) > 0;
      add ? set.Add(range) : set.Remove(range);
      const auto at = [&](std::uint64_t i) {
        return flags.begin() + static_cast<std::ptrdiff_t>(i);
      };
      std::fill(at(range.offset), at(range.end()), add);
      ASSERT_EQ(set.bytes(), static_cast<std::uint64_t>(
                                 std::count(flags.begin(), flags.end(), true)))
          << seed;
      const std::uint64_t from = below(kBytes);
      const auto gap = std::find(at(from), flags.end(), false);
      const auto gap_end = std::find(gap, flags.end(), true);
      const ByteRange found = set.NextGap(from);
      ASSERT_EQ(found.size, static_cast<std::uint64_t>(gap_end - gap)) << seed;
      if (found.size > 0) {
        ASSERT_EQ(found.offset, static_cast<std::uint64_t>(gap - flags.begin()))
            << seed;
      }
      const ByteRange asked{from, below(kBytes - from) + 1};
      ASSERT_EQ(set.Contains(asked),
                std::find(at(from), at(asked.end()), false) == at(asked.end()))
          << seed;
    }
  }
}

}  // namespace
}  // namespace datashim::cache
