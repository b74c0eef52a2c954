#include "fuse/encode.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <string>

namespace datashim::fuse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

fs::Entry File(fs::InodeId inode, std::uint64_t size) {
  fs::Entry entry;
  entry.attributes.inode = inode;
  entry.attributes.size = size;
  entry.attributes.mode = 0644;
  entry.attributes.uid = 1;
  entry.attributes.gid = 2;
  entry.attributes.modified =
      WallTime(std::chrono::milliseconds(1'700'000'000'250));
  entry.valid_for = std::chrono::milliseconds(1500);
  return entry;
}

fs::DirectoryEntry Named(std::string name, fs::InodeId inode,
                         std::uint64_t next_offset) {
  return {std::move(name), File(inode, 0), next_offset};
}

TEST(EncodeTest, Attributes) {
  const wire::Attr attr = ToAttr(File(9, 513).attributes);
  EXPECT_EQ(attr.ino, 9u);
  EXPECT_EQ(attr.size, 513u);
  EXPECT_EQ(attr.blocks, 2u);
  EXPECT_EQ(attr.mode, std::uint32_t{S_IFREG | 0644});
  EXPECT_EQ(attr.nlink, 1u);
  EXPECT_EQ(attr.uid, 1u);
  EXPECT_EQ(attr.gid, 2u);
  EXPECT_EQ(attr.mtime, 1'700'000'000u);
  EXPECT_EQ(attr.mtimensec, 250'000'000u);
}

TEST(EncodeTest, TimesBefore1970HavePositiveNanoseconds) {
  fs::Attributes attributes;
  attributes.type = fs::FileType::kDirectory;
  attributes.modified = WallTime(std::chrono::milliseconds(-250));
  const wire::Attr attr = ToAttr(attributes);
  EXPECT_EQ(static_cast<std::int64_t>(attr.mtime), -1);
  EXPECT_EQ(attr.mtimensec, 750'000'000u);
  EXPECT_EQ(attr.mode, std::uint32_t{S_IFDIR});
}

TEST(EncodeTest, EntriesAreValidForTheirTime) {
  const wire::EntryOut entry = ToEntryOut(File(9, 1));
  EXPECT_EQ(entry.nodeid, 9u);
  EXPECT_EQ(entry.entry_valid, 1u);
  EXPECT_EQ(entry.entry_valid_nsec, 500'000'000u);
  EXPECT_EQ(entry.attr_valid, 1u);
  EXPECT_EQ(entry.attr_valid_nsec, 500'000'000u);
  const wire::AttrOut attr = ToAttrOut(File(9, 1));
  EXPECT_EQ(attr.attr_valid, 1u);
  EXPECT_EQ(attr.attr_valid_nsec, 500'000'000u);
  EXPECT_EQ(attr.attr.ino, 9u);
  fs::Entry expired = File(9, 1);
  expired.valid_for = std::chrono::seconds(-5);
  EXPECT_EQ(ToEntryOut(expired).entry_valid, 0u);
}

TEST(EncodeTest, OpenFlags) {
  EXPECT_EQ(ToOpenOut({.handle = 3}).fh, 3u);
  EXPECT_EQ(ToOpenOut({.handle = 3}).open_flags, 0u);
  EXPECT_EQ(ToOpenOut({.keep_cache = true}).open_flags, wire::kOpenKeepCache);
  EXPECT_EQ(ToOpenOut({.direct_io = true}).open_flags, wire::kOpenDirectIo);
  EXPECT_EQ(ToOpenOut({.no_flush = true}).open_flags, wire::kOpenNoFlush);
  EXPECT_EQ(ToOpenOut({.handle = 3}).backing_id, 0);
  EXPECT_EQ(ToOpenOut({.backing_id = 7}).open_flags, wire::kOpenPassthrough);
  EXPECT_EQ(ToOpenOut({.backing_id = 7}).backing_id, 7);
}

TEST(EncodeTest, StatFsCountsBlocks) {
  const auto out = ToStatfsOut({1 << 20, 1 << 19, 100, 50});
  EXPECT_EQ(out.blocks * out.frsize, 1u << 20);
  EXPECT_EQ(out.bavail * out.frsize, 1u << 19);
  EXPECT_EQ(out.files, 100u);
  EXPECT_EQ(out.ffree, 50u);
  EXPECT_EQ(out.namelen, 255u);
}

TEST(DirectoryPackerTest, PacksAlignedRecords) {
  DirectoryPacker packer(4096, false);
  ASSERT_TRUE(packer.Append(Named("ab", 5, 1)));
  ASSERT_TRUE(packer.Append(Named("12345678", 6, 2)));
  ASSERT_EQ(packer.bytes().size(), 32u + 32u);
  wire::Dirent dirent;
  std::memcpy(&dirent, packer.bytes().data() + 32, sizeof(dirent));
  EXPECT_EQ(dirent.ino, 6u);
  EXPECT_EQ(dirent.off, 2u);
  EXPECT_EQ(dirent.namelen, 8u);
  EXPECT_EQ(dirent.type, std::uint32_t{DT_REG});
  EXPECT_EQ(std::memcmp(packer.bytes().data() + 56, "12345678", 8), 0);
  EXPECT_THAT(packer.looked_up(), IsEmpty());
}

TEST(DirectoryPackerTest, StopsWhereTheRoomEnds) {
  DirectoryPacker packer(63, false);
  ASSERT_TRUE(packer.Append(Named("a", 5, 1)));
  EXPECT_FALSE(packer.Append(Named("b", 6, 2)));  // Needs 32 of 31.
  EXPECT_EQ(packer.bytes().size(), 32u);
  DirectoryPacker plus(159, true);
  EXPECT_FALSE(plus.Append(Named("a", 5, 1)));  // Needs 160.
  EXPECT_THAT(plus.looked_up(), IsEmpty());
}

TEST(DirectoryPackerTest, PlusHandsOverLookupsButNotOfDots) {
  DirectoryPacker packer(4096, true);
  ASSERT_TRUE(packer.Append(Named(".", 1, 1)));
  ASSERT_TRUE(packer.Append(Named("..", 1, 2)));
  ASSERT_TRUE(packer.Append(Named("...", 7, 3)));
  EXPECT_THAT(packer.looked_up(), ElementsAre(7));
  wire::DirentPlus record;
  std::memcpy(&record, packer.bytes().data(), sizeof(record));
  EXPECT_EQ(record.entry.nodeid, 0u);
  EXPECT_EQ(record.dirent.ino, 1u);
  std::memcpy(&record, packer.bytes().data() + 2 * 160, sizeof(record));
  EXPECT_EQ(record.entry.nodeid, 7u);
  EXPECT_EQ(record.dirent.off, 3u);
}

}  // namespace
}  // namespace datashim::fuse
