#include "dataset/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::dataset {
namespace {

using ::testing::StartsWith;

TEST(CheckNameTest, TakesLabelNames) {
  for (const char* name : {"a", "0", "model-weights", "123-dataset", "a--b"}) {
    EXPECT_TRUE(CheckName(name).ok()) << name;
  }
  EXPECT_TRUE(CheckName(std::string(63, 'a')).ok());
}

TEST(CheckNameTest, RefusesTheRest) {
  for (const std::string& name :
       {std::string(), std::string("A"), std::string("a.b"), std::string("-a"),
        std::string("a-"), std::string("a_b"), std::string("\xc3\xa9"),
        std::string(64, 'a')}) {
    const Status status = CheckName(name);
    ASSERT_FALSE(status.ok()) << name;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(status.error().message, StartsWith("metadata.name: "));
  }
}

TEST(NamesTest, AreThoseThatUsersKnow) {
  EXPECT_EQ(VolumeName("1-2"), "pvc-1-2");
  EXPECT_EQ(VolumeSecretName("1-2"), "vol-1-2");
  EXPECT_EQ(MountPath("model-weights"), "/mnt/datasets/model-weights");
  EXPECT_EQ(EnvPrefix("model-weights"), "model-weights_");
}

}  // namespace
}  // namespace datashim::dataset
