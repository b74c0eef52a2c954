// What every ObjectStore must do. Include it, conformance_lists.h and
// conformance_uploads.h in one test file and instantiate their test suites.

#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "store/object_store.h"

namespace datashim::store {

struct ConformanceCase {
  std::string name;
  /// A store without objects.
  std::function<std::shared_ptr<ObjectStore>()> make;
  std::size_t part_bytes_min = 5u << 20;
};

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

class ObjectStoreTest : public ::testing::TestWithParam<ConformanceCase> {
 protected:
  void SetUp() override {
    store_ = GetParam().make();
    ASSERT_NE(store_, nullptr);
  }

  static Deadline Soon() { return Deadline::After(std::chrono::seconds(30)); }

  ObjectInfo Put(const std::string& key, std::string_view text,
                 PutOptions options = {}) {
    auto info = store_->Put(key, AsBytes(text), options, Soon());
    EXPECT_TRUE(info.ok()) << info.error().message;
    return info.ok() ? *info : ObjectInfo{};
  }

  Result<std::string> Get(const std::string& key, const std::string& etag,
                          ByteRange range) {
    std::string text(range.size, '?');
    DS_ASSIGN_OR_RETURN(
        const std::size_t size,
        store_->Get(key, etag, range,
                    std::as_writable_bytes(std::span(text.data(), text.size())),
                    Soon()));
    text.resize(size);
    return text;
  }

  std::string GetAll(const std::string& key) {
    const auto info = store_->Head(key, Soon());
    if (!info.ok()) return "error: " + info.error().message;
    auto text = Get(key, info->etag, {0, info->size});
    return text.ok() ? *text : "error: " + text.error().message;
  }

  /// Keys and prefixes of all pages, each page's in their order.
  std::vector<std::string> ListAll(ListRequest request) {
    std::vector<std::string> names;
    for (int pages = 0; pages < 1000; ++pages) {
      const auto page = store_->List(request, Soon());
      if (!page.ok()) {
        ADD_FAILURE() << page.error().message;
        return names;
      }
      EXPECT_LE(page->objects.size() + page->prefixes.size(), request.keys_max);
      std::vector<std::string> on_page = page->prefixes;
      for (const ObjectInfo& object : page->objects) {
        on_page.push_back(object.key);
      }
      std::ranges::sort(on_page);
      names.insert(names.end(), on_page.begin(), on_page.end());
      if (page->continuation.empty()) return names;
      request.continuation = page->continuation;
    }
    ADD_FAILURE() << "the listing does not end";
    return names;
  }

  template <typename T>
  static ErrorCode CodeOf(const Result<T>& result) {
    return result.ok() ? ErrorCode{0} : result.error().code;
  }

  std::shared_ptr<ObjectStore> store_;
};

TEST_P(ObjectStoreTest, WhatWasPutIsThereInEveryView) {
  const auto before =
      std::chrono::system_clock::now() - std::chrono::minutes(1);
  const ObjectInfo put = Put("dir/file", "some bytes");
  EXPECT_EQ(put.key, "dir/file");
  EXPECT_EQ(put.size, 10u);
  EXPECT_FALSE(put.etag.empty());
  EXPECT_EQ(GetAll("dir/file"), "some bytes");

  const auto head = store_->Head("dir/file", Soon());
  ASSERT_TRUE(head.ok()) << head.error().message;
  EXPECT_EQ(head->key, "dir/file");
  EXPECT_EQ(head->size, 10u);
  EXPECT_EQ(head->etag, put.etag);
  EXPECT_GT(head->modified, before);

  const auto page = store_->List({}, Soon());
  ASSERT_TRUE(page.ok()) << page.error().message;
  ASSERT_EQ(page->objects.size(), 1u);
  EXPECT_EQ(page->objects[0], *head);
}

TEST_P(ObjectStoreTest, RangesEndWithTheObject) {
  Put("k", "0123456789");
  struct {
    ByteRange range;
    const char* expected;
  } const cases[] = {{{0, 10}, "0123456789"},
                     {{0, 1}, "0"},
                     {{3, 4}, "3456"},
                     {{9, 1}, "9"},
                     {{0, 100}, "0123456789"},
                     {{8, 100}, "89"},
                     {{10, 1}, ""},
                     {{1000, 5}, ""},
                     {{2, 0}, ""}};
  for (const auto& test : cases) {
    const auto text = Get("k", "", test.range);
    ASSERT_TRUE(text.ok()) << text.error().message;
    EXPECT_EQ(*text, test.expected)
        << test.range.offset << "+" << test.range.size;
  }
}

TEST_P(ObjectStoreTest, EmptyObjectsExist) {
  const ObjectInfo put = Put("empty", "");
  EXPECT_EQ(put.size, 0u);
  EXPECT_EQ(store_->Head("empty", Soon())->size, 0u);
  EXPECT_EQ(*Get("empty", "", {0, 100}), "");
}

TEST_P(ObjectStoreTest, OnlyTheVersionThatIsAskedForIsRead) {
  const ObjectInfo first = Put("k", "first");
  EXPECT_EQ(*Get("k", first.etag, {0, 5}), "first");
  const ObjectInfo second = Put("k", "other");
  EXPECT_NE(first.etag, second.etag);
  EXPECT_EQ(CodeOf(Get("k", first.etag, {0, 5})),
            ErrorCode::kFailedPrecondition);
  EXPECT_EQ(*Get("k", second.etag, {0, 5}), "other");
  EXPECT_EQ(*Get("k", "", {0, 5}), "other");
}

TEST_P(ObjectStoreTest, AbsenceIsNotFound) {
  EXPECT_EQ(CodeOf(Get("none", "", {0, 5})), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(store_->Head("none", Soon())), ErrorCode::kNotFound);
  EXPECT_TRUE(store_->Delete("none", Soon()).ok());
}

TEST_P(ObjectStoreTest, DeletedObjectsAreGone) {
  Put("a", "1");
  Put("b", "2");
  ASSERT_TRUE(store_->Delete("a", Soon()).ok());
  EXPECT_EQ(CodeOf(store_->Head("a", Soon())), ErrorCode::kNotFound);
  EXPECT_EQ(ListAll({}), std::vector<std::string>{"b"});
}

TEST_P(ObjectStoreTest, KeysMayHaveAnyCharacter) {
  std::vector<std::string> keys = {"a b",
                                   "a+b",
                                   "a%2Fb",
                                   "a%b",
                                   "a&b=c;d",
                                   "a?b#c",
                                   "a~b!c*d",
                                   "a'b(c)d",
                                   "a\"b<c>d",
                                   "a:b@c,d$e",
                                   "dir/",
                                   "dir2/a b",
                                   "\xc3\xa9t\xc3\xa9",
                                   "\xf0\x9f\x98\x80",
                                   "z=[1]{2}"};
  for (const std::string& key : keys) {
    Put(key, key);
    EXPECT_EQ(GetAll(key), key);
  }
  std::ranges::sort(keys);
  EXPECT_EQ(ListAll({}), keys);
  for (const std::string& key : keys) {
    EXPECT_TRUE(store_->Delete(key, Soon()).ok()) << key;
  }
  EXPECT_EQ(ListAll({}), std::vector<std::string>{});
}

TEST_P(ObjectStoreTest, BadKeysAreRefused) {
  const std::string long_key(1025, 'k');
  for (const std::string& key : {std::string(), long_key}) {
    const auto invalid = ErrorCode::kInvalidArgument;
    EXPECT_EQ(CodeOf(store_->Put(key, {}, {}, Soon())), invalid);
    EXPECT_EQ(CodeOf(store_->Head(key, Soon())), invalid);
    EXPECT_EQ(CodeOf(Get(key, "", {0, 1})), invalid);
    EXPECT_EQ(CodeOf(store_->Delete(key, Soon())), invalid);
    EXPECT_EQ(CodeOf(store_->CreateUpload(key, {}, Soon())), invalid);
  }
}

TEST_P(ObjectStoreTest, ADeadlineThatHasPassedEndsTheCall) {
  Put("k", "x");
  const Deadline past = Deadline::After(std::chrono::seconds(-1));
  const auto exceeded = ErrorCode::kDeadlineExceeded;
  std::byte out{};
  EXPECT_EQ(CodeOf(store_->Get("k", "", {0, 1}, {&out, 1}, past)), exceeded);
  EXPECT_EQ(CodeOf(store_->Put("k", {}, {}, past)), exceeded);
  EXPECT_EQ(CodeOf(store_->List({}, past)), exceeded);
  EXPECT_EQ(CodeOf(store_->Delete("k", past)), exceeded);
}

}  // namespace datashim::store
