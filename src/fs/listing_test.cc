#include "fs/listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing/memory_store.h"

namespace datashim::fs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ListingTest : public ::testing::Test {
 protected:
  Listing Of(std::string prefix) {
    return Listing(
        {store_, threads_, std::chrono::seconds(10), hidden_, clock_},
        std::move(prefix));
  }
  // Names, directories with '/', of at most `count` from `index` on.
  static std::vector<std::string> Names(Listing& listing, std::size_t index,
                                        std::size_t count) {
    auto listed = listing.Read(index, count);
    EXPECT_TRUE(listed.ok());
    std::vector<std::string> names;
    if (!listed.ok()) return names;
    for (const ListedName& name : *listed) {
      names.push_back(name.name +
                      (name.type == FileType::kDirectory ? "/" : ""));
    }
    return names;
  }

  store::MemoryStore store_{{.list_keys_max = 3}};
  HiddenKeys hidden_;
  FakeClock clock_;
  ThreadPool threads_{"list", 2, 2};
};

TEST_F(ListingTest, FilesAndDirectoriesAcrossPages) {
  for (const char* key : {"d/", "d/a", "d/b/x", "d/b/y", "d/c", "d/e/", "z"}) {
    store_.PutText(key, key);
  }
  Listing listing = Of("d/");
  EXPECT_THAT(Names(listing, 0, 100), ElementsAre("a", "b/"));
  EXPECT_FALSE(listing.complete());
  EXPECT_THAT(Names(listing, 2, 100), ElementsAre("c", "e/"));
  EXPECT_THAT(Names(listing, 4, 100), IsEmpty());
  EXPECT_TRUE(listing.complete());
}

TEST_F(ListingTest, ADirectoryShadowsTheFileOfItsName) {
  for (const char* key : {"a", "a-1", "a-2", "a-3", "a-4", "a/x", "b"}) {
    store_.PutText(key, key);
  }
  Listing listing = Of("");
  EXPECT_THAT(Names(listing, 0, 1), ElementsAre("a"));  // Not known yet.
  while (!listing.complete()) (void)Names(listing, listing.size(), 1);
  EXPECT_THAT(Names(listing, 0, 100),
              ElementsAre("a/", "a-1", "a-2", "a-3", "a-4", "b"));
  EXPECT_EQ(listing.At(*listing.Find("a")).type, FileType::kDirectory);
}

TEST_F(ListingTest, KeysThatAreNoPathsAreHiddenAndCounted) {
  const std::string long_name(256, 'n');
  for (const std::string& key :
       {std::string("ok"), std::string("//x"), std::string("./x"),
        std::string(".."), long_name, std::string("a\0b", 3)}) {
    store_.PutText(key, "x");
  }
  Listing listing = Of("");
  while (!listing.complete()) (void)Names(listing, listing.size(), 1);
  EXPECT_THAT(Names(listing, 0, 100), ElementsAre("ok"));
  EXPECT_EQ(hidden_.count(), 5u);
}

TEST_F(ListingTest, FindsEveryNameOfManyPages) {
  for (int i = 0; i < 50; ++i) {
    store_.PutText("n" + std::to_string(i), "x");
    store_.PutText("d" + std::to_string(i) + "/x", "x");
    store_.PutText("d" + std::to_string(i) + "-", "x");
  }
  Listing listing = Of("");
  while (!listing.complete()) (void)Names(listing, listing.size(), 1);
  EXPECT_EQ(listing.size(), 150u);
  for (int i = 0; i < 50; ++i) {
    for (const std::string& name :
         {"n" + std::to_string(i), "d" + std::to_string(i),
          "d" + std::to_string(i) + "-"}) {
      const auto index = listing.Find(name);
      ASSERT_TRUE(index) << name;
      EXPECT_EQ(listing.At(*index).name, name);
    }
  }
  EXPECT_FALSE(listing.Find("n"));
  EXPECT_FALSE(listing.Find("x"));
}

TEST_F(ListingTest, AFailedPageCanBeReadAgain) {
  store_.PutText("a", "x");
  store_.FailNext(store::StoreCall::kList, 1, ErrorCode::kUnavailable);
  Listing listing = Of("");
  auto names = listing.Read(0, 1);
  ASSERT_FALSE(names.ok());
  EXPECT_EQ(names.error(), FsError::kIo);
  EXPECT_THAT(Names(listing, 0, 1), ElementsAre("a"));
}

}  // namespace
}  // namespace datashim::fs
