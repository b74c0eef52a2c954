#include "node/mount_source.h"

#include <gtest/gtest.h>

namespace datashim::node {
namespace {

TEST(MountSourceTest, BucketAndPrefix) {
  const std::pair<const char*, MountSource> cases[] = {
      {"s3://data", {"data", ""}},
      {"s3://data/", {"data", ""}},
      {"s3://data/models", {"data", "models/"}},
      {"s3://data/models/", {"data", "models/"}},
      {"s3://data/a/b c", {"data", "a/b c/"}},
  };
  for (const auto& [text, expected] : cases) {
    const auto source = ParseMountSource(text);
    ASSERT_TRUE(source.ok()) << text;
    EXPECT_EQ(*source, expected) << text;
  }
}

TEST(MountSourceTest, EverythingElseIsRefused) {
  for (const char* text : {"", "data", "/data", "s3:/data", "s3://", "s3:///a",
                           "s3://b//a", "s3://b/a//", "http://b/a"}) {
    const auto source = ParseMountSource(text);
    ASSERT_FALSE(source.ok()) << text;
    EXPECT_EQ(source.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(source.error().message.find(text), std::string::npos);
  }
}

}  // namespace
}  // namespace datashim::node
