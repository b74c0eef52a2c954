// The part of the conformance suite about delimiters and pages.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/testing/conformance.h"

namespace datashim::store {

class ObjectStoreListTest : public ObjectStoreTest {};

TEST_P(ObjectStoreListTest, ListingsGroupByDelimiter) {
  for (const char* key : {"a", "b/1", "b/2", "b/c/3", "bb", "d/", "d/4"}) {
    Put(key, "x");
  }
  using Names = std::vector<std::string>;
  EXPECT_EQ(ListAll({}),
            (Names{"a", "b/1", "b/2", "b/c/3", "bb", "d/", "d/4"}));
  EXPECT_EQ(ListAll({.delimiter = "/"}), (Names{"a", "b/", "bb", "d/"}));
  EXPECT_EQ(ListAll({.prefix = "b"}), (Names{"b/1", "b/2", "b/c/3", "bb"}));
  EXPECT_EQ(ListAll({.prefix = "b", .delimiter = "/"}), (Names{"b/", "bb"}));
  EXPECT_EQ(ListAll({.prefix = "b/", .delimiter = "/"}),
            (Names{"b/1", "b/2", "b/c/"}));
  EXPECT_EQ(ListAll({.prefix = "d/", .delimiter = "/"}), (Names{"d/", "d/4"}));
  EXPECT_EQ(ListAll({.prefix = "none/", .delimiter = "/"}), Names{});
  EXPECT_EQ(ListAll({.start_after = "b/2"}),
            (Names{"b/c/3", "bb", "d/", "d/4"}));
  EXPECT_EQ(ListAll({.start_after = "b/zz"}), (Names{"bb", "d/", "d/4"}));

  const auto grouped = store_->List({.delimiter = "/"}, Soon());
  ASSERT_TRUE(grouped.ok());
  EXPECT_EQ(grouped->prefixes, (Names{"b/", "d/"}));
}

TEST_P(ObjectStoreListTest, PagesJoinToTheWholeListing) {
  for (int i = 0; i < 7; ++i) {
    Put("f" + std::to_string(i), "x");
    Put("g" + std::to_string(i) + "/a", "x");
    Put("g" + std::to_string(i) + "/b", "x");
  }
  const auto whole = ListAll({});
  const auto grouped = ListAll({.delimiter = "/"});
  EXPECT_EQ(whole.size(), 21u);
  EXPECT_EQ(grouped.size(), 14u);
  for (const std::uint32_t keys_max : {1u, 3u, 7u, 20u}) {
    EXPECT_EQ(ListAll({.keys_max = keys_max}), whole) << keys_max;
    EXPECT_EQ(ListAll({.delimiter = "/", .keys_max = keys_max}), grouped)
        << keys_max;
  }
}

}  // namespace datashim::store
