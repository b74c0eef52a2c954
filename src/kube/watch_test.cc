#include "kube/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "kube/json.h"

namespace datashim::kube {
namespace {

const std::string kAdded =
    R"({"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"1"}}})"
    "\n";
const std::string kBookmark =
    R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})"
    "\n";

TEST(WatchParserTest, EventsAreTheSameHoweverTheBytesAreCut) {
  const std::string stream = kAdded + "\r\n" + kBookmark;
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    WatchParser parser;
    std::vector<WatchEvent> events;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      ASSERT_TRUE(
          parser.Feed(std::string_view(stream).substr(at, piece), events).ok());
    }
    ASSERT_EQ(events.size(), 2u) << piece;
    EXPECT_EQ(events[0].type, WatchEventType::kAdded);
    EXPECT_EQ(NameOf(*events[0].object), "a");
    EXPECT_EQ(events[1].type, WatchEventType::kBookmark);
    EXPECT_EQ(ResourceVersionOf(*events[1].object), "9");
  }
}

TEST(WatchParserTest, AnEventIsThereAsSoonAsItsLineEnds) {
  WatchParser parser;
  std::vector<WatchEvent> events;
  ASSERT_TRUE(
      parser.Feed(std::string_view(kAdded).substr(0, kAdded.size() - 1), events)
          .ok());
  EXPECT_TRUE(events.empty());
  ASSERT_TRUE(parser.Feed("\n", events).ok());
  EXPECT_EQ(events.size(), 1u);
}

TEST(WatchParserTest, AnErrorEventEndsTheWatchAfterTheEventsBefore) {
  WatchParser parser;
  std::vector<WatchEvent> events;
  const Status status = parser.Feed(
      kAdded + R"({"type":"ERROR","object":{"kind":"Status","code":410,)"
               R"("reason":"Expired","message":"too old resource version"}})"
               "\n",
      events);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error(),
            (Error{ErrorCode::kOutOfRange, "too old resource version"}));
  EXPECT_EQ(events.size(), 1u);
}

struct BadLine {
  const char* name;
  std::string line;
};
class WatchParserBadLineTest : public ::testing::TestWithParam<BadLine> {};

TEST_P(WatchParserBadLineTest, IsDataLoss) {
  WatchParser parser(/*line_bytes_max=*/1000);
  std::vector<WatchEvent> events;
  const Status status = parser.Feed(GetParam().line + "\n", events);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(events.empty());
}

const BadLine kBadLines[] = {
    {"NoJson", "<html>"},
    {"NoObject", R"({"type":"ADDED"})"},
    {"ObjectIsText", R"({"type":"ADDED","object":"x"})"},
    {"UnknownType",
     R"({"type":"NEW","object":{"metadata":{"name":"a","resourceVersion":"1"}}})"},
    {"NoVersion", R"({"type":"ADDED","object":{"metadata":{"name":"a"}}})"},
    {"NoName",
     R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}})"},
    {"MetadataIsAList", R"({"type":"ADDED","object":{"metadata":["name"]}})"},
    {"TooDeep", std::string(kJsonDepthMax + 1, '[')},
    {"TooLong", std::string(1001, ' ')},
};
INSTANTIATE_TEST_SUITE_P(Lines, WatchParserBadLineTest,
                         ::testing::ValuesIn(kBadLines),
                         [](const auto& test) { return test.param.name; });

TEST(WatchParserTest, ALineThatNeverEndsIsRefusedBeforeItIsStored) {
  WatchParser parser(/*line_bytes_max=*/100);
  std::vector<WatchEvent> events;
  EXPECT_TRUE(parser.Feed(std::string(60, ' '), events).ok());
  EXPECT_TRUE(parser.Feed(std::string(40, ' '), events).ok());
  EXPECT_FALSE(parser.Feed(" ", events).ok());
}

TEST(ParseJsonObjectTest, BracketsInStringsAreNoDepth) {
  const std::string brackets(kJsonDepthMax * 2, '{');
  const std::string text =
      R"({"a":")" + brackets + R"(\")" + brackets + R"(\\"})";
  EXPECT_TRUE(ParseJsonObject(text).ok());
}

TEST(ParseJsonObjectTest, DepthIsCountedOnlyWhileItIsOpen) {
  std::string text = R"({"a":[)";
  for (int i = 0; i < kJsonDepthMax * 2; ++i) text += "[],";
  EXPECT_TRUE(ParseJsonObject(text + "0]}").ok());
}

}  // namespace
}  // namespace datashim::kube
