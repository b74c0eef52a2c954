#include "net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  const char* text;
  Url expected;
  const char* printed;
};

const Case kCases[] = {
    {"http://s3:9000", {{false, "s3", 9000}, "/", ""}, "http://s3:9000/"},
    {"https://S3.Amazonaws.com",
     {{true, "s3.amazonaws.com", 443}, "/", ""},
     "https://s3.amazonaws.com/"},
    {"HTTP://a:80/b//c/?x=1&y",
     {{false, "a", 80}, "/b//c/", "x=1&y"},
     "http://a/b//c/?x=1&y"},
    {"https://a:80?q", {{true, "a", 80}, "/", "q"}, "https://a:80/?q"},
    {"http://[::1]:9000/x",
     {{false, "::1", 9000}, "/x", ""},
     "http://[::1]:9000/x"},
    {"http://[fe80::1]",
     {{false, "fe80::1", 80}, "/", ""},
     "http://[fe80::1]/"},
    {"http://a/b@c:d", {{false, "a", 80}, "/b@c:d", ""}, "http://a/b@c:d"},
};

TEST(ParseUrlTest, TakesHostsPortsPathsAndQueries) {
  for (const Case& test : kCases) {
    const auto url = ParseUrl(test.text);
    ASSERT_TRUE(url.ok()) << test.text << ": " << url.error().message;
    EXPECT_EQ(*url, test.expected) << test.text;
    EXPECT_EQ(url->ToString(), test.printed);
  }
}

TEST(ParseUrlTest, RefusesTheRestAndSaysWhy) {
  const std::pair<std::string, const char*> bad[] = {
      {"", "http://"},
      {"s3:9000", "http://"},
      {"ftp://a", "scheme"},
      {"http://", "no host"},
      {"http:///x", "no host"},
      {"http://a:0", "port"},
      {"http://a:65536", "port"},
      {"http://a:", "port"},
      {"http://a:080", "port"},
      {"http://a:1:2", "port"},
      {"http://a b", "space"},
      {"http://a/\r\nx", "control"},
      {"http://\xc3\xa9", "non-ASCII"},
      {"http://a#b", "fragment"},
      {"http://a..b", "empty label"},
      {"http://.a", "empty label"},
      {"http://a$b", "character"},
      {"http://[::1", "bracket"},
      {"http://[::1]x", "between"},
      {"http://[abc]", "IPv6"},
      {"http://[]", "no host"},
      {"http://" + std::string(254, 'a'), "too long"},
      {"http://a/" + std::string(kUrlBytesMax, 'a'), "8 KiB"}};
  for (const auto& [text, why] : bad) {
    const auto url = ParseUrl(text);
    ASSERT_FALSE(url.ok()) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(url.error().message, HasSubstr(why)) << text;
  }
}

TEST(ParseUrlTest, DoesNotQuoteAPassword) {
  const auto url = ParseUrl("http://user:hunter2@host/");
  ASSERT_FALSE(url.ok());
  EXPECT_THAT(url.error().message, HasSubstr("password"));
  EXPECT_THAT(url.error().message, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace datashim::net
