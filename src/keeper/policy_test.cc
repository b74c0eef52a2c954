#include "keeper/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keeper/protocol.h"

namespace datashim::keeper {
namespace {

using ::testing::HasSubstr;

constexpr char kKubelet[] = "/var/lib/kubelet";

TEST(PolicyTest, PathsBelowTheKubeletDirectoryAreAllowed) {
  EXPECT_EQ(RelativeToKubelet(kKubelet, "/var/lib/kubelet/a").value(), "a");
  EXPECT_EQ(RelativeToKubelet(
                kKubelet,
                "/var/lib/kubelet/pods/1-2/volumes/kubernetes.io~csi/v/mount")
                .value(),
            "pods/1-2/volumes/kubernetes.io~csi/v/mount");
  EXPECT_EQ(RelativeToKubelet(kKubelet, "/var/lib/kubelet/..a/b..").value(),
            "..a/b..");
}

TEST(PolicyTest, EveryOtherPathIsRefused) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "not absolute"},
      {"var/lib/kubelet/a", "not absolute"},
      {"/", "not normalized"},
      {"/var/lib/kubelet", "not below"},
      {"/var/lib/kubelet/", "not normalized"},
      {"/var/lib/kubelet/a/", "not normalized"},
      {"/var/lib/kubelet//a", "not normalized"},
      {"/var/lib/kubelet/./a", "not normalized"},
      {"/var/lib/kubelet/../a", "not normalized"},
      {"/var/lib/kubelet/a/..", "not normalized"},
      {"/var/lib/kubelet2/a", "not below"},
      {"/var/lib/kubele/a", "not below"},
      {"/etc/passwd", "not below"},
      {"/var/lib/kubelet/a\nb", "control"},
      {std::string("/var/lib/kubelet/a\0b", 20), "control"},
      {"/var/lib/kubelet/\x7f", "control"},
      {"/var/lib/kubelet/" + std::string(kPathBytesMax, 'a'), "bytes"},
  };
  for (const auto& [path, why] : cases) {
    const auto relative = RelativeToKubelet(kKubelet, path);
    ASSERT_FALSE(relative.ok()) << path;
    EXPECT_EQ(relative.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(relative.error().message, HasSubstr(why)) << path;
  }
}

TEST(PolicyTest, LongestPathIsAllowed) {
  const std::string head = "/var/lib/kubelet/";
  const std::string path = head + std::string(kPathBytesMax - head.size(), 'a');
  EXPECT_TRUE(RelativeToKubelet(kKubelet, path).ok());
  EXPECT_FALSE(RelativeToKubelet(kKubelet, path + "a").ok());
}

TEST(PolicyTest, IdsHaveFewCharactersAndABound) {
  const auto check = [](std::string volume, std::string location) {
    return CheckSpec({std::move(volume), std::move(location), "", false});
  };
  EXPECT_TRUE(check("pvc-0A_z.9", std::string(64, 'f')).ok());
  EXPECT_TRUE(check(std::string(128, 'v'), "l").ok());
  for (const char* const bad : {"", "a/b", "a b", "a\n", "ä", "a:b"}) {
    EXPECT_THAT(check(bad, "l").error().message, HasSubstr("volume id"));
    EXPECT_THAT(check("v", bad).error().message, HasSubstr("location id"));
  }
  EXPECT_FALSE(check(std::string(129, 'v'), "l").ok());
  EXPECT_FALSE(check("v", std::string(65, 'l')).ok());
}

TEST(PolicyTest, ReadaheadHasBounds) {
  EXPECT_FALSE(CheckReadahead(0).ok());
  EXPECT_TRUE(CheckReadahead(1).ok());
  EXPECT_TRUE(CheckReadahead(16384).ok());
  EXPECT_FALSE(CheckReadahead(16385).ok());
}

TEST(PolicyTest, MountsAreJudgedByTheirType) {
  const auto entry = [](std::string type) {
    sys::MountEntry made;
    made.type = std::move(type);
    return made;
  };
  EXPECT_TRUE(IsOurs(entry("fuse.datashim")));
  for (const char* const other :
       {"fuse", "fuse.datashim2", "fuse.sshfs", "ext4", "datashim"}) {
    EXPECT_FALSE(IsOurs(entry(other))) << other;
  }
  for (const char* const blocks : {"fuse", "fuse.sshfs", "nfs", "nfs4"}) {
    EXPECT_TRUE(BlocksWalk(entry(blocks))) << blocks;
  }
  for (const char* const passes : {"ext4", "tmpfs", "fuseblk", "xfs"}) {
    EXPECT_FALSE(BlocksWalk(entry(passes))) << passes;
  }
}

}  // namespace
}  // namespace datashim::keeper
