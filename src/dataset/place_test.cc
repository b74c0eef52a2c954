#include "dataset/place.h"

#include <gtest/gtest.h>

namespace datashim::dataset {
namespace {

VolumeConfig At(const char* endpoint, const char* bucket, const char* prefix) {
  VolumeConfig config;
  config.endpoint = endpoint;
  config.bucket = bucket;
  config.prefix = prefix;
  return config;
}

TEST(PlaceTest, OneServerHasManyNames) {
  const auto base = At("http://minio.store:9000", "b", "");
  for (const char* same :
       {"http://minio.store:9000", "https://minio.store:9000",
        "http://MinIO.store:9000", "http://minio.store.svc:9000",
        "http://minio.store.svc.cluster.local:9000"}) {
    EXPECT_TRUE(ShareBucket(base, At(same, "b", ""))) << same;
  }
  for (const char* other :
       {"http://minio.store:9001", "http://minio.other:9000",
        "http://minio.store", "http://minio.store.svcx:9000"}) {
    EXPECT_FALSE(ShareBucket(base, At(other, "b", ""))) << other;
  }
  EXPECT_FALSE(ShareBucket(base, At("http://minio.store:9000", "c", "")));
  EXPECT_TRUE(ShareBucket(At("https://[fd00::1]", "b", ""),
                          At("https://[fd00::1]:443", "b", "")));
  EXPECT_TRUE(ShareBucket(At("http://a:80", "b", ""), At("http://a", "b", "")));
}

TEST(PlaceTest, APrefixIsPartOfTheOneAboveIt) {
  const auto shares = [](const char* a, const char* b) {
    return ShareData(At("http://x", "b", a), At("http://x", "b", b));
  };
  EXPECT_TRUE(shares("", ""));
  EXPECT_TRUE(shares("", "team/"));
  EXPECT_TRUE(shares("team/", ""));
  EXPECT_TRUE(shares("team/", "team/"));
  EXPECT_TRUE(shares("team/", "team/llama/"));
  EXPECT_TRUE(shares("team/llama/", "team/"));
  EXPECT_FALSE(shares("team/", "team2/"));
  EXPECT_FALSE(shares("team/a/", "team/b/"));
}

}  // namespace
}  // namespace datashim::dataset
