// What renames do.

#include <gmock/gmock.h>

#include "fs/testing/file_system_fixture.h"

namespace datashim::fs {
namespace {

using store::StoreCall;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RenameTest : public FileSystemTest {};

TEST_F(RenameTest, AFileIsCopiedInTheStoreAndItsOldNameDeleted) {
  store_->PutText("d/a", "text");
  store_->PutText("e/x", "x");
  const InodeId inode = InodeOf("d/a");
  ASSERT_TRUE(Rename("d/a", "e/b").ok());
  EXPECT_THAT(store_->Keys(), ElementsAre("e/b", "e/x"));
  EXPECT_EQ(InodeOf("e/b"), inode);
  EXPECT_EQ(ErrorOf(Walk("d/a")), FsError::kNotFound);
  EXPECT_TRUE(Walk("d").ok());
  EXPECT_EQ(*ReadFile("e/b"), "text");
  EXPECT_EQ(store_->calls(StoreCall::kPut), 0u);
}

TEST_F(RenameTest, TheTargetIsReplacedUnlessThatIsForbidden) {
  store_->PutText("a", "new");
  store_->PutText("b", "old");
  EXPECT_EQ(ErrorOf(Rename("a", "b", true)), FsError::kExists);
  EXPECT_EQ(store_->Text("b"), "old");
  ASSERT_TRUE(Rename("a", "b").ok());
  EXPECT_EQ(*ReadFile("b"), "new");
  EXPECT_EQ(ErrorOf(Rename("a", "b")), FsError::kNotFound);
}

TEST_F(RenameTest, OntoItselfIsNothing) {
  store_->PutText("a", "text");
  EXPECT_TRUE(Rename("a", "a").ok());
  EXPECT_EQ(ErrorOf(Rename("a", "a", true)), FsError::kExists);
  EXPECT_EQ(store_->Text("a"), "text");
  EXPECT_EQ(store_->calls(StoreCall::kCopy), 0u);
}

TEST_F(RenameTest, DirectoriesAreLeftToMv) {
  store_->PutText("d/a", "text");
  store_->PutText("f", "text");
  EXPECT_EQ(ErrorOf(Rename("d", "e")), FsError::kCrossDevice);
  EXPECT_EQ(ErrorOf(Rename("f", "d")), FsError::kIsDirectory);
}

TEST_F(RenameTest, AnOpenReaderGoesOnUnderTheNewName) {
  const std::string text = Pattern(4 << 20);
  store_->PutText("a", text);
  const HandleId handle = *Open("a", kRead);
  ASSERT_TRUE(ReadAt(handle, 0, 10).ok());
  ASSERT_TRUE(Rename("a", "b").ok());
  EXPECT_TRUE(*ReadAll(handle) == text);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(RenameTest, ANewSmallFileIsMadeUnderItsNewName) {
  const HandleId handle = *Open("tmp", kExclusive);
  ASSERT_TRUE(Write(handle, 0, "text").ok());
  store_->PutText("final", "old");
  ASSERT_TRUE(Rename("tmp", "final").ok());
  EXPECT_EQ(ErrorOf(Walk("tmp")), FsError::kNotFound);
  EXPECT_EQ(*ReadFile("final"), "text");
  ASSERT_TRUE(Write(handle, 4, " more").ok());
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_THAT(store_->Keys(), ElementsAre("final"));
  EXPECT_EQ(store_->Text("final"), "text more");
  EXPECT_EQ(store_->calls(StoreCall::kCopy), 0u);
}

TEST_F(RenameTest, AWriterThatWasSyncedGoesOnUnderTheNewName) {
  const HandleId handle = *Open("tmp", kWrite);
  ASSERT_TRUE(Write(handle, 0, "one").ok());
  ASSERT_TRUE(fs_->Sync(handle).ok());
  ASSERT_TRUE(Write(handle, 3, "two").ok());
  ASSERT_TRUE(Rename("tmp", "final").ok());
  EXPECT_EQ(store_->Text("final"), "onetwo");
  ASSERT_TRUE(Write(handle, 6, "three").ok());
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_THAT(store_->Keys(), ElementsAre("final"));
  EXPECT_EQ(store_->Text("final"), "onetwothree");
}

TEST_F(RenameTest, AnUploadIsBusyUntilItsClose) {
  const HandleId handle = *Open("tmp", kWrite);
  ASSERT_TRUE(Write(handle, 0, Pattern(2 * kTestPartBytes)).ok());
  EXPECT_EQ(ErrorOf(Rename("tmp", "final")), FsError::kBusy);
  ASSERT_TRUE(Close(handle).ok());
  ASSERT_TRUE(Rename("tmp", "final").ok());
  EXPECT_TRUE(*ReadFile("final") == Pattern(2 * kTestPartBytes));
}

TEST_F(RenameTest, OntoAFileBeingWrittenEndsThatWriting) {
  store_->PutText("a", "winner");
  const HandleId handle = *Open("b", kWrite);
  ASSERT_TRUE(Write(handle, 0, "loser").ok());
  ASSERT_TRUE(Rename("a", "b").ok());
  EXPECT_TRUE(Close(handle).ok());
  EXPECT_THAT(store_->Keys(), ElementsAre("b"));
  EXPECT_EQ(*ReadFile("b"), "winner");
}

TEST_F(RenameTest, AFileThatChangedSinceIsRenamedAsItIs) {
  store_->PutText("a", "one");
  const InodeId inode = InodeOf("a");
  store_->PutText("a", "second");
  ASSERT_TRUE(Rename("a", "b").ok());
  EXPECT_EQ(store_->Text("b"), "second");
  EXPECT_NE(InodeOf("b"), inode);
  EXPECT_EQ(*ReadFile("b"), "second");
}

TEST_F(RenameTest, AFailedCopyChangesNothing) {
  store_->PutText("a", "text");
  store_->PutText("b", "old");
  store_->FailNext(StoreCall::kCopy, 1, ErrorCode::kUnavailable);
  EXPECT_EQ(ErrorOf(Rename("a", "b")), FsError::kIo);
  EXPECT_EQ(*ReadFile("a"), "text");
  EXPECT_EQ(*ReadFile("b"), "old");
}

TEST_F(RenameTest, AFailedDeleteIsAnErrorAndBothNamesAreThere) {
  store_->PutText("a", "text");
  store_->FailNext(StoreCall::kDelete, 1, ErrorCode::kUnavailable);
  EXPECT_EQ(ErrorOf(Rename("a", "b")), FsError::kIo);
  EXPECT_EQ(*ReadFile("a"), "text");
  EXPECT_EQ(*ReadFile("b"), "text");
}

}  // namespace
}  // namespace datashim::fs
