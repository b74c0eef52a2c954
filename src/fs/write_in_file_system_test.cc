// What writes do: when objects appear, what may be written where, failures.

#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "fs/multipart_upload.h"
#include "fs/testing/file_system_fixture.h"

namespace datashim::fs {
namespace {

using store::StoreCall;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t kPart = kTestPartBytes;

class WriteTest : public FileSystemTest {};

TEST_F(WriteTest, AFileOfOnePartIsOnePut) {
  const std::string text = Pattern(kPart);
  ASSERT_TRUE(WriteFile("f", text).ok());
  EXPECT_TRUE(store_->Text("f") == text);
  EXPECT_EQ(store_->calls(StoreCall::kPut), 1u);
  EXPECT_EQ(store_->calls(StoreCall::kCreateUpload), 0u);
}

TEST_F(WriteTest, ALargerFileIsAnUploadOfParts) {
  const std::string text = Pattern(5 * kPart + 1);
  ASSERT_TRUE(WriteFile("f", text).ok());
  EXPECT_TRUE(store_->Text("f") == text);
  EXPECT_EQ(store_->calls(StoreCall::kUploadPart), 6u);
  EXPECT_EQ(store_->open_uploads(), 0u);
  EXPECT_TRUE(*ReadFile("f") == text);
  EXPECT_EQ(Walk("f")->attributes.size, text.size());
}

TEST_F(WriteTest, TheObjectAppearsWithTheCloseAndWhole) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, Pattern(3 * kPart)).ok());
  EXPECT_THAT(store_->Keys(), IsEmpty());
  ASSERT_TRUE(fs_->Flush(handle, 1).ok());
  EXPECT_TRUE(store_->Text("f") == Pattern(3 * kPart));
  fs_->Release(handle);
}

TEST_F(WriteTest, PartsAreUploadedWhileTheFileIsWritten) {
  const HandleId handle = *Open("f", kWrite);
  store_->Hold(StoreCall::kUploadPart);
  ASSERT_TRUE(Write(handle, 0, Pattern(3 * kPart)).ok());
  EXPECT_TRUE(store_->AwaitHeld(StoreCall::kUploadPart, 2));
  store_->Release(StoreCall::kUploadPart);
  ASSERT_TRUE(Close(handle).ok());
}

TEST_F(WriteTest, AWriterWaitsForPartsUnderWay) {
  const HandleId handle = *Open("f", kWrite);
  store_->Hold(StoreCall::kUploadPart);
  auto written = std::async(std::launch::async, [&] {
    return Write(handle, 0, Pattern(20 * kPart)).ok();
  });
  const int parts_max = static_cast<int>(TestOptions().part_uploads_max);
  EXPECT_TRUE(store_->AwaitHeld(StoreCall::kUploadPart, parts_max));
  EXPECT_LE(Walk("f")->attributes.size, (parts_max + 2) * kPart);
  store_->Release(StoreCall::kUploadPart);
  EXPECT_TRUE(written.get());
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_TRUE(store_->Text("f") == Pattern(20 * kPart));
}

TEST_F(WriteTest, PartsGrowSoThatLargeFilesFit) {
  EXPECT_EQ(UploadPartBytes(1, 8, 128), 8u);
  EXPECT_EQ(UploadPartBytes(1000, 8, 128), 8u);
  EXPECT_EQ(UploadPartBytes(1001, 8, 128), 32u);
  EXPECT_EQ(UploadPartBytes(2001, 8, 128), 128u);
  EXPECT_EQ(UploadPartBytes(2001, 8, 32), 32u);
  EXPECT_EQ(UploadPartBytes(10'000, 8, 128), 128u);
  EXPECT_EQ(UploadPartBytes(10'001, 8, 128), 0u);
}

TEST_F(WriteTest, AnEmptyFileIsAnEmptyObject) {
  ASSERT_TRUE(WriteFile("f", "").ok());
  EXPECT_EQ(store_->Text("f"), "");
}

TEST_F(WriteTest, AFileMadeForReadingIsMadeToo) {
  auto made = fs_->Create(kRootInode, "f", 0444, kRead, kAlice);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->entry.attributes.mode, 0444u);
  EXPECT_TRUE(Close(made->open.handle).ok());
  EXPECT_EQ(store_->Text("f"), "");
}

TEST_F(WriteTest, AFileWithoutWritePermissionIsWrittenByItsMaker) {
  auto made = fs_->Create(kRootInode, "f", 0444, kExclusive, kAlice);
  ASSERT_TRUE(Write(made->open.handle, 0, "text").ok());
  ASSERT_TRUE(Close(made->open.handle).ok());
  EXPECT_EQ(*ReadFile("f"), "text");
  EXPECT_EQ(Walk("f")->attributes.mode, 0444u);
}

TEST_F(WriteTest, AnOverwriteReplacesTheObjectAtTheClose) {
  store_->PutText("f", "old");
  const InodeId inode = InodeOf("f");
  const HandleId handle = *Open("f", kTruncate);
  ASSERT_TRUE(Write(handle, 0, "new text").ok());
  EXPECT_EQ(store_->Text("f"), "old");
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_EQ(store_->Text("f"), "new text");
  EXPECT_EQ(InodeOf("f"), inode);
  EXPECT_EQ(*ReadFile("f"), "new text");
}

TEST_F(WriteTest, AnyPlaceOfASmallFileCanBeWritten) {
  store_->PutText("f", "0123456789");
  HandleId handle = *Open("f", kReadWrite);
  ASSERT_TRUE(Write(handle, 3, "abc").ok());
  EXPECT_EQ(*ReadAt(handle, 0, 100), "012abc6789");
  ASSERT_TRUE(Write(handle, 12, "!").ok());
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_EQ(store_->Text("f"), std::string("012abc6789\0\0!", 13));
  handle = *Open("f", kAppend);
  ASSERT_TRUE(Write(handle, 0, "end").ok());
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_EQ(store_->Text("f"), std::string("012abc6789\0\0!end", 16));
}

TEST_F(WriteTest, TheHeaderOfAFileInMemoryCanBeRewritten) {
  const HandleId handle = *Open("f", kReadWrite);
  std::string text = Pattern(kPart - 10);
  ASSERT_TRUE(Write(handle, 0, text).ok());
  ASSERT_TRUE(Write(handle, 0, "header").ok());
  text.replace(0, 6, "header");
  EXPECT_TRUE(*ReadAt(handle, 0, kPart) == text);
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_TRUE(store_->Text("f") == text);
}

TEST_F(WriteTest, WhatWasUploadedCannotBeRewrittenAndThereIsNoObject) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, Pattern(3 * kPart)).ok());
  EXPECT_EQ(ErrorOf(Write(handle, 0, "header")), FsError::kNotSupported);
  EXPECT_EQ(ErrorOf(Close(handle)), FsError::kNotSupported);
  EXPECT_THAT(store_->Keys(), IsEmpty());
  EXPECT_EQ(store_->open_uploads(), 0u);
  EXPECT_EQ(ErrorOf(Walk("f")), FsError::kNotFound);
}

TEST_F(WriteTest, ALargeObjectIsOnlyWrittenAnew) {
  const std::string text = Pattern(kPart + 1);
  store_->PutText("f", text);
  EXPECT_EQ(ErrorOf(Open("f", kAppend)), FsError::kNotSupported);
  const HandleId handle = *Open("f", kReadWrite);
  EXPECT_EQ(ErrorOf(Write(handle, 0, "x")), FsError::kNotSupported);
  EXPECT_EQ(*ReadAt(handle, 0, 10), text.substr(0, 10));
  EXPECT_TRUE(Close(handle).ok());
  EXPECT_TRUE(store_->Text("f") == text);
  EXPECT_EQ(store_->calls(StoreCall::kPut), 0u);
  ASSERT_TRUE(WriteFile("f", "new").ok());
  EXPECT_EQ(store_->Text("f"), "new");
}

TEST_F(WriteTest, HolesAreZerosUpToOneGibibyte) {
  HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 2 * kPart, "end").ok());
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_TRUE(store_->Text("f") == std::string(2 * kPart, '\0') + "end");
  handle = *Open("h", kWrite);
  EXPECT_EQ(ErrorOf(Write(handle, (std::uint64_t{1} << 30) + 1, "x")),
            FsError::kNotSupported);
  EXPECT_EQ(ErrorOf(Close(handle)), FsError::kNotSupported);
  EXPECT_EQ(store_->Text("h"), std::nullopt);
  ASSERT_TRUE(WriteFile("g", "").ok());
  AttributeChange change;
  change.size = 2 * kPart;
  ASSERT_TRUE(fs_->SetAttributes(InodeOf("g"), change).ok());
  EXPECT_TRUE(store_->Text("g") == std::string(2 * kPart, '\0'));
}

TEST_F(WriteTest, FsyncMakesTheObjectAndASmallFileGoesOn) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, "one").ok());
  ASSERT_TRUE(fs_->Sync(handle).ok());
  EXPECT_EQ(store_->Text("f"), "one");
  ASSERT_TRUE(Write(handle, 3, "two").ok());
  EXPECT_EQ(store_->Text("f"), "one");
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_EQ(store_->Text("f"), "onetwo");
}

TEST_F(WriteTest, ALargeFileEndsWithItsFsync) {
  const HandleId handle = *Open("f", kWrite);
  const std::string text = Pattern(2 * kPart);
  ASSERT_TRUE(Write(handle, 0, text).ok());
  ASSERT_TRUE(fs_->Sync(handle).ok());
  EXPECT_TRUE(store_->Text("f") == text);
  EXPECT_EQ(ErrorOf(Write(handle, text.size(), "x")), FsError::kNotSupported);
  EXPECT_TRUE(Close(handle).ok());
  EXPECT_TRUE(store_->Text("f") == text);
}

TEST_F(WriteTest, ACloseOfAProcessThatDidNotWriteEndsNoUpload) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, Pattern(2 * kPart), 1).ok());
  ASSERT_TRUE(fs_->Flush(handle, 2).ok());
  EXPECT_THAT(store_->Keys(), IsEmpty());
  ASSERT_TRUE(Write(handle, 2 * kPart, "end", 1).ok());
  ASSERT_TRUE(Close(handle, 1).ok());
  EXPECT_TRUE(store_->Text("f") == Pattern(2 * kPart) + "end");
}

TEST_F(WriteTest, TheLastReleaseMakesWhatNoCloseMade) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, "text", 1).ok());
  ASSERT_TRUE(Close(handle, 2).ok());
  EXPECT_EQ(store_->Text("f"), "text");
}

TEST_F(WriteTest, ProcessesThatAppendToOneFileShareIt) {
  const HandleId one = *Open("f", kWrite);
  const HandleId two = *Open("f", kAppend);
  ASSERT_TRUE(Write(one, 0, "one ", 1).ok());
  ASSERT_TRUE(Write(two, 0, "two ", 2).ok());
  ASSERT_TRUE(Close(one, 1).ok());
  ASSERT_TRUE(Write(two, 0, "three", 2).ok());
  ASSERT_TRUE(Close(two, 2).ok());
  EXPECT_EQ(store_->Text("f"), "one two three");
}

TEST_F(WriteTest, AFileBeingWrittenIsSeenHereWithItsSize) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, "text").ok());
  EXPECT_EQ(Walk("f")->attributes.size, 4u);
  EXPECT_THAT(*List(""), ElementsAre("f"));
  EXPECT_EQ(*ReadFile("f"), "text");
  ASSERT_TRUE(Write(handle, 4, Pattern(2 * kPart)).ok());
  EXPECT_EQ(ErrorOf(ReadFile("f")), FsError::kBusy);
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_TRUE(*ReadFile("f") == "text" + Pattern(2 * kPart));
}

TEST_F(WriteTest, OfTwoExclusiveMakersOneFails) {
  const HandleId handle = *Open("lock", kExclusive);
  ASSERT_TRUE(Write(handle, 0, "mine").ok());
  store_->PutText("lock", "theirs");
  EXPECT_EQ(ErrorOf(Close(handle)), FsError::kExists);
  EXPECT_EQ(store_->Text("lock"), "theirs");
  EXPECT_EQ(ErrorOf(Open("lock", kExclusive)), FsError::kExists);
  EXPECT_EQ(*ReadFile("lock"), "theirs");
}

TEST_F(WriteTest, AStoreWithoutConditionsStillMakesExclusiveFiles) {
  store_->FailNext(StoreCall::kPut, 1, ErrorCode::kUnimplemented);
  ASSERT_TRUE(WriteFile("f", "text", kExclusive).ok());
  EXPECT_EQ(store_->Text("f"), "text");
}

TEST_F(WriteTest, AFileOfTooManyPartsIsRefused) {
  store_ = std::make_shared<store::MemoryStore>(
      store::MemoryStoreOptions{.part_bytes_min = 16 << 10});
  FileSystemOptions options = TestOptions();
  options.part_bytes = 16 << 10;
  options.memory_bytes_max = 1;  // So little that parts cannot grow.
  Mount(options);
  const HandleId handle = *Open("f", kWrite);
  const std::string chunk(std::size_t{625} << 10, 'x');
  for (std::uint64_t i = 0; i < 256; ++i) {
    ASSERT_TRUE(fs_->Write(handle, i * chunk.size(), AsBytes(chunk), 1).ok());
  }
  EXPECT_EQ(ErrorOf(fs_->Write(handle, 256 * chunk.size(), AsBytes("x"), 1)),
            FsError::kTooLarge);
  EXPECT_EQ(ErrorOf(Close(handle)), FsError::kTooLarge);
  EXPECT_THAT(store_->Keys(), IsEmpty());
  EXPECT_EQ(store_->open_uploads(), 0u);
}

class TruncateTest : public FileSystemTest {
 protected:
  FsStatus Truncate(std::string_view path, std::uint64_t size,
                    std::optional<HandleId> handle = {}) {
    AttributeChange change;
    change.size = size;
    change.handle = handle;
    auto changed = fs_->SetAttributes(InodeOf(path), change);
    if (!changed.ok()) return changed.failure();
    EXPECT_EQ(changed->attributes.size, size);
    return std::monostate{};
  }
};

TEST_F(TruncateTest, ByNameChangesTheObjectAtOnce) {
  store_->PutText("f", "0123456789");
  ASSERT_TRUE(Truncate("f", 4).ok());
  EXPECT_EQ(store_->Text("f"), "0123");
  ASSERT_TRUE(Truncate("f", 6).ok());
  EXPECT_EQ(store_->Text("f"), std::string("0123\0\0", 6));
  ASSERT_TRUE(Truncate("f", 0).ok());
  EXPECT_EQ(store_->Text("f"), "");
  store_->PutText("big", Pattern(3 * kPart));
  EXPECT_EQ(ErrorOf(Truncate("big", 5)), FsError::kNotSupported);
  ASSERT_TRUE(Truncate("big", 3 * kPart).ok());
  EXPECT_EQ(store_->Text("big")->size(), 3 * kPart);
  ASSERT_TRUE(Truncate("big", 0).ok());
  EXPECT_EQ(store_->Text("big"), "");
}

TEST_F(TruncateTest, OfAnOpenFileCountsAtItsClose) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, Pattern(3 * kPart)).ok());
  ASSERT_TRUE(Truncate("f", 0, handle).ok());
  EXPECT_EQ(store_->open_uploads(), 0u);
  ASSERT_TRUE(Write(handle, 0, "short").ok());
  ASSERT_TRUE(Truncate("f", 3, handle).ok());
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_EQ(store_->Text("f"), "sho");
}

TEST_F(TruncateTest, NeedsAHandleThatWrites) {
  store_->PutText("f", "text");
  const HandleId handle = *Open("f", kRead);
  EXPECT_EQ(ErrorOf(Truncate("f", 0, handle)), FsError::kInvalid);
  EXPECT_EQ(ErrorOf(Write(handle, 0, "x")), FsError::kBadHandle);
  EXPECT_TRUE(Close(handle).ok());
}

class ReadOnlyTest : public FileSystemTest {
 protected:
  static FileSystemOptions ReadOnly() {
    FileSystemOptions options = TestOptions();
    options.read_only = true;
    return options;
  }
  ReadOnlyTest() : FileSystemTest(ReadOnly()) {}
};

TEST_F(ReadOnlyTest, EveryChangeIsRefused) {
  store_->PutText("f", "text");
  store_->PutText("d/", "");
  const auto puts = store_->calls(StoreCall::kPut);
  AttributeChange change;
  change.mode = 0600;
  EXPECT_EQ(ErrorOf(fs_->SetAttributes(InodeOf("f"), change)),
            FsError::kReadOnly);
  EXPECT_EQ(ErrorOf(Open("f", kWrite)), FsError::kReadOnly);
  EXPECT_EQ(ErrorOf(Open("f", kTruncate)), FsError::kReadOnly);
  EXPECT_EQ(ErrorOf(Open("new", kWrite)), FsError::kReadOnly);
  EXPECT_EQ(ErrorOf(MakeDirectory("new")), FsError::kReadOnly);
  EXPECT_EQ(ErrorOf(RemoveDirectory("d")), FsError::kReadOnly);
  EXPECT_EQ(ErrorOf(Unlink("f")), FsError::kReadOnly);
  EXPECT_EQ(ErrorOf(Rename("f", "g")), FsError::kReadOnly);
  EXPECT_EQ(*ReadFile("f"), "text");
  EXPECT_EQ(store_->calls(StoreCall::kPut), puts);
}

}  // namespace
}  // namespace datashim::fs
