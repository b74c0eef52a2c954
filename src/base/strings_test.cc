#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim {
namespace {

using ::testing::ElementsAre;

TEST(StringsTest, SplitKeepsEmptyParts) {
  EXPECT_THAT(Split("a..b", '.'), ElementsAre("a", "", "b"));
  EXPECT_THAT(Split("", '.'), ElementsAre(""));
  EXPECT_THAT(Split(".", '.'), ElementsAre("", ""));
}

TEST(StringsTest, ParseIntTakesOnlyCanonicalDecimals) {
  EXPECT_EQ(ParseInt("0", 0, 63), 0);
  EXPECT_EQ(ParseInt("63", 0, 63), 63);
  EXPECT_EQ(ParseInt("-5", -9, 9), -5);
  for (const char* bad : {"", "-", "00", "01", "+1", " 1", "1 ", "1a", "64",
                          "-0", "99999999999999999999"}) {
    EXPECT_EQ(ParseInt(bad, 0, 63), std::nullopt) << bad;
  }
}

TEST(StringsTest, ParseBoolTakesWhatGoTakes) {
  for (const char* yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    EXPECT_EQ(ParseBool(yes), true) << yes;
  }
  for (const char* no : {"0", "f", "F", "FALSE", "false", "False"}) {
    EXPECT_EQ(ParseBool(no), false) << no;
  }
  for (const char* bad : {"", "yes", "tRUE", "on", " true"}) {
    EXPECT_EQ(ParseBool(bad), std::nullopt) << bad;
  }
}

TEST(StringsTest, JsonQuoteEscapesWhatCouldForgeALine) {
  EXPECT_EQ(JsonQuote("a\"b\\c\n\x01"), R"("a\"b\\c\u000a\u0001")");
  EXPECT_EQ(JsonQuote("gr\xC3\xBC\xC3\x9F"), "\"gr\xC3\xBC\xC3\x9F\"");
}

TEST(StringsTest, JsonQuoteReplacesBytesThatAreNoUtf8) {
  EXPECT_EQ(JsonQuote("\xFF"), R"("\ufffd")");
  EXPECT_EQ(JsonQuote("\xC3"), R"("\ufffd")");
  EXPECT_EQ(JsonQuote("\xED\xA0\x80"), R"("\ufffd\ufffd\ufffd")");  // surrogate
  EXPECT_EQ(JsonQuote("\xC0\xAF"), R"("\ufffd\ufffd")");            // overlong
}

TEST(StringsTest, Base64FollowsRfc4648) {
  // RFC 4648 section 10.
  const std::pair<const char*, const char*> vectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(Base64Encode(plain), text);
    EXPECT_EQ(Base64Decode(text), plain);
  }
  EXPECT_EQ(Base64Decode("Zm9v\nYmFy\n"), "foobar");
}

TEST(StringsTest, Base64DecodeRefusesWhatIsNotCanonical) {
  for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm9*",
                          "=", "====", "Zm9v="}) {
    EXPECT_EQ(Base64Decode(bad), std::nullopt) << bad;
  }
}

TEST(StringsTest, UriEncodeKeepsOnlyUnreserved) {
  EXPECT_EQ(UriEncode("a b/c~d+e", true), "a%20b/c~d%2Be");
  EXPECT_EQ(UriEncode("a/b", false), "a%2Fb");
  EXPECT_EQ(UriEncode("\xC3\xA9", true), "%C3%A9");
}

}  // namespace
}  // namespace datashim
