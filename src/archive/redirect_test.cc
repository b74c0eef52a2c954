#include "archive/redirect.h"

#include <gtest/gtest.h>

namespace datashim::archive {
namespace {

std::string Follow(const char* from, const char* location) {
  const auto to = FollowRedirect(*net::ParseUrl(from), location);
  return to.ok() ? to->ToString() : "";
}

TEST(RedirectTest, KindsOfReferences) {
  EXPECT_EQ(Follow("http://h/a/b?c", "http://i/x"), "http://i/x");
  EXPECT_EQ(Follow("http://h/a", "https://i/x?y#z"), "https://i/x?y");
  EXPECT_EQ(Follow("https://h:8/a", "/x"), "https://h:8/x");
  EXPECT_EQ(Follow("https://h/a", "//i/x"), "https://i/x");
  EXPECT_EQ(Follow("https://h/a?b", "?c"), "https://h/a?c");
  EXPECT_EQ(Follow("https://h/a", "x"), "");
  EXPECT_EQ(Follow("https://h/a", ""), "");
  EXPECT_EQ(Follow("https://h/a", "ftp://h/a"), "");
}

TEST(RedirectTest, NotToWhereItMustNotGo) {
  EXPECT_EQ(Follow("https://h/a", "http://h/a"), "");
  for (const char* local :
       {"http://169.254.169.254/latest", "http://127.0.0.1:8080/",
        "http://[fe80::1]/", "http://[::1]/", "http://localhost/",
        "http://[::ffff:127.0.0.1]/"}) {
    EXPECT_EQ(Follow("http://h/a", local), "") << local;
  }
  EXPECT_EQ(Follow("http://127.0.0.1/a", "http://127.0.0.1:8/b"),
            "http://127.0.0.1:8/b");
}

}  // namespace
}  // namespace datashim::archive
