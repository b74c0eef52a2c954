#include "csi/volume_locks.h"

#include <gtest/gtest.h>

#include <optional>

namespace datashim::csi {
namespace {

TEST(VolumeLocksTest, VolumeOperationsExcludeAllOthersOnTheVolume) {
  VolumeLocks locks;
  {
    const auto guard = locks.LockVolume("a");
    ASSERT_TRUE(guard.ok());
    EXPECT_EQ(locks.LockVolume("a").error().code, ErrorCode::kAborted);
    EXPECT_EQ(locks.LockTarget("a", "/t").error().code, ErrorCode::kAborted);
    EXPECT_TRUE(locks.LockVolume("b").ok());
    EXPECT_TRUE(locks.LockTarget("b", "/t").ok());
  }
  EXPECT_TRUE(locks.LockVolume("a").ok());
}

TEST(VolumeLocksTest, TargetsOfAVolumeAreIndependent) {
  VolumeLocks locks;
  auto first = std::make_optional(locks.LockTarget("a", "/1"));
  ASSERT_TRUE(first->ok());
  const auto second = locks.LockTarget("a", "/2");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(locks.LockTarget("a", "/1").error().code, ErrorCode::kAborted);
  EXPECT_EQ(locks.LockVolume("a").error().code, ErrorCode::kAborted);
  first.reset();
  EXPECT_TRUE(locks.LockTarget("a", "/1").ok());
  EXPECT_EQ(locks.LockVolume("a").error().code, ErrorCode::kAborted);
}

TEST(VolumeLocksTest, ErrorsNameTheVolume) {
  VolumeLocks locks;
  const auto guard = locks.LockVolume("pvc-7");
  EXPECT_NE(locks.LockVolume("pvc-7").error().message.find("\"pvc-7\""),
            std::string::npos);
}

}  // namespace
}  // namespace datashim::csi
