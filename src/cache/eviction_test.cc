#include "cache/eviction.h"

#include <gmock/gmock.h>

#include <string>

namespace datashim::cache {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct SpaceCase {
  const char* what;
  SpaceLimits limits;
  DiskSpace disk;
  std::uint64_t used;
  std::uint64_t needed;
  std::optional<std::uint64_t> evict;
};

TEST(BytesToEvictTest, KeepsBothLimits) {
  const SpaceCase cases[] = {
      {"there is room", {100, 10}, {1000, 900}, 40, 60, 0},
      {"the quota is full", {100, 10}, {1000, 900}, 70, 60, 30},
      {"larger than the quota", {100, 10}, {1000, 900}, 70, 101, std::nullopt},
      {"others have filled the disk", {500, 10}, {1000, 120}, 200, 50, 30},
      {"the disk is too full for anything",
       {500, 10},
       {1000, 50},
       0,
       1,
       std::nullopt},
      {"and what is there has to go", {500, 10}, {1000, 50}, 30, 0, 30},
      {"a part of it", {500, 10}, {1000, 50}, 300, 0, 50},
      {"the quota became smaller", {100, 0}, {1000, 0}, 300, 0, 200},
      {"a share of the disk", {1000, 10, 30}, {1000, 900}, 250, 60, 10},
      {"larger than the share",
       {1000, 10, 30},
       {1000, 900},
       0,
       301,
       std::nullopt},
      {"no limit of the disk", {1000, 0}, {1000, 10}, 0, 10, 0},
  };
  for (const SpaceCase& c : cases) {
    EXPECT_EQ(BytesToEvict(c.limits, c.disk, c.used, c.needed), c.evict)
        << c.what;
  }
}

TEST(EvictionIndexTest, TheOldestGoesFirst) {
  EvictionIndex index;
  for (const char* name : {"a", "b", "c"}) index.Insert(name, 10);
  EXPECT_EQ(index.bytes(), 30u);
  EXPECT_THAT(*index.Victims(0), IsEmpty());
  EXPECT_THAT(*index.Victims(1), ElementsAre("a"));
  EXPECT_THAT(*index.Victims(20), ElementsAre("a", "b"));
  EXPECT_FALSE(index.Victims(31));
  EXPECT_EQ(index.size(), 3u);
}

TEST(EvictionIndexTest, WhatIsPinnedStays) {
  EvictionIndex index;
  for (const char* name : {"a", "b"}) index.Insert(name, 10);
  index.Pin("a");
  index.Pin("a");
  EXPECT_THAT(*index.Victims(10), ElementsAre("b"));
  EXPECT_FALSE(index.Victims(11));
  index.Unpin("a");
  EXPECT_FALSE(index.Victims(11));
  index.Unpin("a");
  EXPECT_THAT(*index.Victims(11), ElementsAre("a", "b"));
}

TEST(EvictionIndexTest, WhatIsReadOnceDoesNotPushOutWhatIsReadOften) {
  EvictionIndex index;
  index.Insert("often", 10);
  index.Touch("often");
  for (int i = 0; i < 9; ++i) index.Insert("once" + std::to_string(i), 10);
  const auto victims = index.Victims(90);
  ASSERT_TRUE(victims);
  EXPECT_THAT(*victims, ::testing::Not(::testing::Contains("often")));
  EXPECT_THAT(*index.Victims(91), ::testing::Contains("often"));
}

TEST(EvictionIndexTest, WhatIsReadOftenHasFourFifthsAtMost) {
  EvictionIndex index;
  for (int i = 0; i < 10; ++i) {
    index.Insert(std::to_string(i), 10);
  }
  for (int i = 0; i < 10; ++i) index.Touch(std::to_string(i));
  // 0 and 1 were used again the longest time ago: they fell back.
  EXPECT_THAT(*index.Victims(20), ElementsAre("0", "1"));
  index.Insert("new", 10);
  EXPECT_THAT(*index.Victims(30), ElementsAre("0", "1", "new"));
}

TEST(EvictionIndexTest, RemovedOnesAreForgotten) {
  EvictionIndex index;
  index.Insert("a", 10);
  index.Pin("a");
  index.Remove("a");
  index.Unpin("a");
  index.Touch("a");
  EXPECT_FALSE(index.Contains("a"));
  EXPECT_EQ(index.bytes(), 0u);
  index.Insert("a", 5);
  EXPECT_THAT(*index.Victims(5), ElementsAre("a"));
}

}  // namespace
}  // namespace datashim::cache
