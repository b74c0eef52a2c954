#include "sys/mount_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace datashim::sys {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(MountTableTest, ParsesWhatTheKernelWrites) {
  const auto table = ParseMountTable(
      "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
      "36 22 98:0 /sub /mnt/a\\040b\\134c ro,noatime shared:1 master:2 - ext3 "
      "/dev/root rw,errors=continue\n"
      "40 22 0:53 / /var/lib/kubelet/x rw,nosuid,nodev shared:7 - "
      "fuse.datashim datashim ro,user_id=0\n");
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_THAT(
      *table,
      ElementsAre(
          MountEntry{22, 254, 0, "/", false, "ext4", "/dev/vda"},
          MountEntry{36, 98, 0, "/mnt/a b\\c", true, "ext3", "/dev/root"},
          MountEntry{40, 0, 53, "/var/lib/kubelet/x", false, "fuse.datashim",
                     "datashim"}));
}

TEST(MountTableTest, KeepsWhatIsNoEscape) {
  const auto table =
      ParseMountTable("1 1 0:1 / /a\\9\\400\\04 rw - t s\\040 rw");
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->at(0).mount_point, "/a\\9\\400\\04");
  EXPECT_EQ(table->at(0).source, "s ");
}

TEST(MountTableTest, EmptyTextIsAnEmptyTable) {
  EXPECT_THAT(ParseMountTable("").value(), IsEmpty());
}

TEST(MountTableTest, NamesTheBadLine) {
  const std::string good = "22 1 254:0 / / rw - ext4 /dev/vda rw\n";
  const char* const bad[] = {
      "x",
      "22 1 254:0 / / rw ext4 /dev/vda rw ro",
      "22 1 254 / / rw - ext4 /dev/vda rw",
      "a 1 254:0 / / rw - ext4 /dev/vda rw",
      "22 1 254:-1 / / rw - ext4 /dev/vda rw",
      "22 1 254:0 / / rw shared:1 - ext4 s",
      "99999999999 1 254:0 / / rw - ext4 /dev/vda rw",
  };
  for (const char* const line : bad) {
    const auto table = ParseMountTable(good + line);
    ASSERT_FALSE(table.ok()) << line;
    EXPECT_EQ(table.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(table.error().message, HasSubstr("line 2"));
  }
}

TEST(MountTableTest, ReadsTheTableOfThisProcess) {
  const auto table = ReadMountTable();
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_FALSE(table->empty());
}

}  // namespace
}  // namespace datashim::sys
