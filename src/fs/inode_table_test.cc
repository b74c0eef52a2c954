#include "fs/inode_table.h"

#include <gtest/gtest.h>

namespace datashim::fs {
namespace {

class InodeTableTest : public ::testing::Test {
 protected:
  Inode& Add(InodeId parent, std::string_view name, FileType type) {
    Inode& inode = table_.Insert(table_.NewId(), parent, name, type);
    inode.record.lookups = 1;
    return inode;
  }
  InodeTable table_;
};

TEST_F(InodeTableTest, FindsByNumberAndByName) {
  const InodeId d = Add(kRootInode, "d", FileType::kDirectory).record.id;
  const InodeId f = Add(d, "f", FileType::kFile).record.id;
  EXPECT_EQ(table_.FindChild(d, "f")->record.id, f);
  EXPECT_EQ(table_.FindChild(kRootInode, "f"), nullptr);
  EXPECT_EQ(table_.Key(*table_.Find(f)), "d/f");
  EXPECT_EQ(table_.Key(*table_.Find(kRootInode)), "");
}

TEST_F(InodeTableTest, ForgottenInodesGoAndTheirNumbersStayUsed) {
  const InodeId f = Add(kRootInode, "f", FileType::kFile).record.id;
  table_.Find(f)->record.lookups = 3;
  table_.Forget(f, 2);
  ASSERT_NE(table_.Find(f), nullptr);
  table_.Forget(f, 1);
  EXPECT_EQ(table_.Find(f), nullptr);
  EXPECT_EQ(table_.FindChild(kRootInode, "f"), nullptr);
  EXPECT_NE(Add(kRootInode, "f", FileType::kFile).record.id, f);
}

TEST_F(InodeTableTest, ADirectoryStaysForItsChildrenAndGoesWithTheLast) {
  const InodeId d = Add(kRootInode, "d", FileType::kDirectory).record.id;
  const InodeId e = Add(d, "e", FileType::kDirectory).record.id;
  const InodeId f = Add(e, "f", FileType::kFile).record.id;
  table_.Forget(d, 1);
  table_.Forget(e, 1);
  EXPECT_EQ(table_.Key(*table_.Find(f)), "d/e/f");
  table_.Forget(f, 1);
  EXPECT_EQ(table_.size(), 1u);
}

TEST_F(InodeTableTest, AnOpenFileOutlivesItsNameAndItsLookups) {
  Inode& f = Add(kRootInode, "f", FileType::kFile);
  const InodeId id = f.record.id;
  f.record.handles = 1;
  table_.Detach(f);
  table_.Forget(id, 1);
  ASSERT_NE(table_.Find(id), nullptr);
  EXPECT_EQ(table_.Key(*table_.Find(id)), std::nullopt);
  table_.DropHandle(id);
  EXPECT_EQ(table_.Find(id), nullptr);
}

TEST_F(InodeTableTest, MoveKeepsTheNumberAndTheEtag) {
  const InodeId d = Add(kRootInode, "d", FileType::kDirectory).record.id;
  Inode& f = Add(d, "f", FileType::kFile);
  f.SetEtag("\"e\"");
  table_.Move(f, d, "a longer name");
  EXPECT_EQ(table_.FindChild(d, "a longer name"), &f);
  EXPECT_EQ(table_.FindChild(d, "f"), nullptr);
  EXPECT_EQ(f.etag(), "\"e\"");
  table_.Move(f, kRootInode, "g");
  EXPECT_EQ(table_.Find(d)->record.children, 0u);
  EXPECT_EQ(table_.Key(f), "g");
}

TEST_F(InodeTableTest, ForgettingMoreThanWasLookedUpIsHarmless) {
  const InodeId f = Add(kRootInode, "f", FileType::kFile).record.id;
  table_.Forget(f, 100);
  table_.Forget(f, 1);
  table_.Forget(kRootInode, 100);
  EXPECT_NE(table_.Find(kRootInode), nullptr);
}

}  // namespace
}  // namespace datashim::fs
