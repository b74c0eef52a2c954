#include "fs/page_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <random>
#include <set>

#include "store/testing/memory_store.h"

namespace datashim::fs {
namespace {

using store::StoreCall;
using ::testing::ElementsAreArray;

// Ranges without the bytes that are no character: what keys go on with.
TEST(DivideRestTest, TheRangesBehindAPageInTheOrderOfTheirKeys) {
  const std::string last = "\xf4\x8f\xbf\xbf";
  const std::vector<KeyRange> expected{{"d/ab", "d/abc51", ""},
                                       {"d/a", "d/ab" + last, "d/ab"},
                                       {"d/", "d/a" + last, "d/a"}};
  EXPECT_EQ(DivideRest({"d/", "", ""}, "d/abc01", "d/abc51"), expected);
}

TEST(DivideRestTest, PagesOfKeysThatShareLittleAreNotDivided) {
  const std::vector<KeyRange> expected{{"d/", "d/b51", ""}};
  EXPECT_EQ(DivideRest({"d/", "", ""}, "d/a01", "d/b51"), expected);
}

TEST(DivideRestTest, EveryKeyIsInOneRangeAndInOrder) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  const std::vector<std::string> characters{"0", "1",        "a",
                                            "/", "\xc3\xa4", "\xe2\x82\xac"};
  const auto key = [&] {
    std::string text = "p/";
    for (std::size_t i = 1 + random() % 6; i > 0; --i) {
      text += characters[random() % characters.size()];
    }
    return text;
  };
  for (int round = 0; round < 500; ++round) {
    std::set<std::string> keys;
    while (keys.size() < 20) keys.insert(key());
    const std::vector<std::string> sorted(keys.begin(), keys.end());
    const std::size_t page = 1 + random() % (sorted.size() - 1);
    const KeyRange all{"p/", "", ""};
    std::vector<std::string> rest;
    for (const KeyRange& range :
         DivideRest(all, sorted.front(), sorted[page - 1])) {
      for (const std::string& each : sorted) {
        if (range.Has(each)) rest.push_back(each);
      }
    }
    ASSERT_THAT(rest, ElementsAreArray(
                          sorted.begin() + static_cast<std::ptrdiff_t>(page),
                          sorted.end()));
  }
}

class PageStreamTest : public ::testing::Test {
 protected:
  std::shared_ptr<PageStream> Stream(const std::string& prefix) {
    return std::make_shared<PageStream>(store_, threads_, prefix,
                                        std::chrono::seconds(10), clock_);
  }
  // Keys and prefixes of all pages, in the order of the stream.
  static std::vector<std::string> All(PageStream& stream) {
    std::vector<std::string> keys;
    while (true) {
      auto page = stream.Next();
      EXPECT_TRUE(page.ok());
      if (!page.ok() || !*page) return keys;
      std::set<std::string> of_page;
      for (const auto& object : (*page)->page.objects) {
        of_page.insert(object.key);
      }
      of_page.insert((*page)->page.prefixes.begin(),
                     (*page)->page.prefixes.end());
      keys.insert(keys.end(), of_page.begin(), of_page.end());
    }
  }

  store::MemoryStore store_{{.list_keys_max = 10}};
  FakeClock clock_;
  ThreadPool threads_{"list", 8, 32};
};

TEST_F(PageStreamTest, EveryKeyOnceAndInOrderHoweverTheyAreNamed) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  std::set<std::string> expected;
  for (int i = 0; i < 2000; ++i) {
    std::string name;
    switch (random() % 4) {
      case 0:
        name = "image-" + std::to_string(random() % 5000);
        break;
      case 1:
        name = std::to_string(random());
        break;
      case 2:
        name = "\xc3\xa4" + std::to_string(random() % 300) + "\xe2\x82\xac";
        break;
      default:
        name = "d" + std::to_string(random() % 200) + "/x";
    }
    store_.PutText("p/" + name, "x");
    expected.insert("p/" + name.substr(0, name.find('/') == name.npos
                                              ? name.npos
                                              : name.find('/') + 1));
  }
  store_.PutText("other", "x");
  EXPECT_THAT(All(*Stream("p/")), ElementsAreArray(expected));
}

TEST_F(PageStreamTest, AFewPagesAreReadOneAfterTheOther) {
  for (int i = 10; i < 30; ++i) store_.PutText(std::to_string(i), "x");
  EXPECT_EQ(All(*Stream("")).size(), 20u);
  EXPECT_EQ(store_.calls(StoreCall::kList), 2u);
}

TEST_F(PageStreamTest, ManyPagesAreReadByRangesAtOnce) {
  for (int i = 10'000; i < 12'000; ++i) {
    store_.PutText("f" + std::to_string(i), "x");
  }
  // Behind the first pages, LISTs end when there are three at once.
  std::atomic<int> calls = 0;
  std::latch three(3);
  store_.SetHook([&](StoreCall, const std::string&) {
    const int number = ++calls;
    if (number >= 17 && number <= 19) three.arrive_and_wait();
    return OkStatus();
  });
  const std::vector<std::string> keys = All(*Stream(""));
  EXPECT_EQ(keys.size(), 2000u);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  EXPECT_LT(calls, 200 + 40);  // 200 pages, and few in vain.
}

TEST_F(PageStreamTest, AnErrorIsToldAndTheNextCallGoesOn) {
  for (int i = 100; i < 200; ++i) store_.PutText(std::to_string(i), "x");
  const auto stream = Stream("");
  store_.FailNext(StoreCall::kList, 1, ErrorCode::kUnavailable);
  EXPECT_FALSE(stream->Next().ok());
  EXPECT_EQ(All(*stream).size(), 100u);
}

}  // namespace
}  // namespace datashim::fs
