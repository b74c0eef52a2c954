#include "archive/entry_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/strings.h"

namespace datashim::archive {
namespace {

using ::testing::HasSubstr;

std::string Key(std::string_view path) {
  const auto key = KeyOfEntry(path);
  return key.ok() ? *key : "error: " + key.error().message;
}

std::string Target(std::string_view link, std::string_view target) {
  const auto key = KeyOfLinkTarget(link, target);
  return key.ok() ? *key : "error: " + key.error().message;
}

TEST(EntryNameTest, PathsBecomeKeys) {
  EXPECT_EQ(Key("a"), "a");
  EXPECT_EQ(Key("./a//b/./c"), "a/b/c");
  EXPECT_EQ(Key("dir/"), "dir");
  EXPECT_EQ(Key("./"), "");
  EXPECT_EQ(Key("..."), "...");
  EXPECT_EQ(Key("a..b/..c"), "a..b/..c");
  EXPECT_EQ(Key("C:\\x"), "C:\\x");
  EXPECT_EQ(Key("z\xc3\xbcrich/\xf0\x9f\x93\x81"),
            "z\xc3\xbcrich/\xf0\x9f\x93\x81");
}

TEST(EntryNameTest, WhatIsNoPathBelowTheRootIsRefused) {
  EXPECT_THAT(Key(""), HasSubstr("no name"));
  EXPECT_THAT(Key("/etc/passwd"), HasSubstr("absolute"));
  for (const char* path : {"..", "../a", "a/../../b", "a/..", "./../a"}) {
    EXPECT_THAT(Key(path), HasSubstr("\"..\"")) << path;
  }
  EXPECT_THAT(Key("a\nb"), HasSubstr("control"));
  EXPECT_THAT(Key(std::string_view("a\0b", 3)), HasSubstr("control"));
  for (const char* path :
       {"\xff", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
        "\xf4\x90\x80\x80", "\xf0\x80\x80\x80", "a\x80"}) {
    EXPECT_THAT(Key(path), HasSubstr("UTF-8")) << path;
  }
}

TEST(EntryNameTest, LengthsAreBounded) {
  EXPECT_EQ(Key(std::string(255, 'a')), std::string(255, 'a'));
  EXPECT_THAT(Key(std::string(256, 'a')), HasSubstr("255"));
  std::string deep;
  for (int i = 0; i < 512; ++i) deep += "a/";
  EXPECT_TRUE(KeyOfEntry(deep, 1023).ok());
  EXPECT_THAT(KeyOfEntry(deep, 1022).error().message, HasSubstr("1022"));
}

TEST(EntryNameTest, LinksStayInside) {
  EXPECT_EQ(Target("a/b", "c"), "a/c");
  EXPECT_EQ(Target("a/b", "../c"), "c");
  EXPECT_EQ(Target("a/b", "./x/../c"), "a/c");
  EXPECT_EQ(Target("a", "."), "");
  EXPECT_THAT(Target("a/b", "../../c"), HasSubstr("out of the archive"));
  EXPECT_THAT(Target("a", "../a"), HasSubstr("out of the archive"));
  EXPECT_THAT(Target("a/b", "/c"), HasSubstr("absolute"));
  EXPECT_THAT(Target("a", ""), HasSubstr("nothing"));
}

// Whatever a stranger writes, what comes out names something below the root.
TEST(EntryNameTest, NoPathLeaves) {
  std::mt19937 random(20261124);
  const std::string_view pieces[] = {"..", ".",  "/", "a",   "b/",  "\xc3\xbc",
                                     "\\", "//", " ", "..a", "\xff"};
  for (int run = 0; run < 20000; ++run) {
    std::string path;
    std::string link = "d/e/f";
    for (auto n = random() % 8; n > 0; --n) {
      path += pieces[random() % std::size(pieces)];
    }
    for (const auto& key : {KeyOfEntry(path), KeyOfLinkTarget(link, path)}) {
      if (!key.ok() || key->empty()) continue;
      EXPECT_EQ(*KeyOfEntry(*key), *key);  // It is its own normal form.
      for (const std::string_view part : Split(*key, '/')) {
        EXPECT_FALSE(part.empty() || part == "." || part == "..") << path;
      }
    }
  }
}

}  // namespace
}  // namespace datashim::archive
