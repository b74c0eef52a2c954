// What names do: lookups, directories, deletions, renames, attributes.

#include <gmock/gmock.h>

#include <thread>

#include "fs/testing/file_system_fixture.h"

namespace datashim::fs {
namespace {

using store::StoreCall;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LookUpTest : public FileSystemTest {};

TEST_F(LookUpTest, KeysAreFilesAndTheirPrefixesAreDirectories) {
  store_->PutText("a/b/c", "text");
  store_->PutText("empty/", "");
  EXPECT_EQ(Walk("a")->attributes.type, FileType::kDirectory);
  EXPECT_EQ(Walk("a/b")->attributes.type, FileType::kDirectory);
  EXPECT_EQ(Walk("a/b/c")->attributes.type, FileType::kFile);
  EXPECT_EQ(Walk("a/b/c")->attributes.size, 4u);
  EXPECT_EQ(Walk("empty")->attributes.type, FileType::kDirectory);
  EXPECT_EQ(ErrorOf(Walk("a/x")), FsError::kNotFound);
  EXPECT_EQ(ErrorOf(Walk("a/b/c/d")), FsError::kNotDirectory);
}

TEST_F(LookUpTest, ADirectoryShadowsAFileOfTheSameName) {
  store_->PutText("a", "file");
  store_->PutText("a/b", "below");
  EXPECT_EQ(Walk("a")->attributes.type, FileType::kDirectory);
  EXPECT_THAT(*List(""), ElementsAre("a/"));
}

TEST_F(LookUpTest, HugeDirectoriesAreNotListedForOneName) {
  for (int i = 0; i < 100; ++i) store_->PutText("d/" + std::to_string(i), "x");
  EXPECT_TRUE(Walk("d/77").ok());
  // One key below "d/" and one below "d/77/".
  EXPECT_EQ(store_->calls(StoreCall::kList), 2u);
  EXPECT_EQ(store_->calls(StoreCall::kHead), 2u);
}

TEST_F(LookUpTest, AListingAnswersLookUpsUntilItIsOld) {
  store_->PutText("d/a", "x");
  ASSERT_TRUE(List("d").ok());
  const auto before = store_->calls(StoreCall::kHead);
  EXPECT_TRUE(Walk("d/a").ok());
  EXPECT_EQ(ErrorOf(Walk("d/b")), FsError::kNotFound);
  EXPECT_EQ(store_->calls(StoreCall::kHead), before);
  store_->PutText("d/b", "new");
  Expire();
  EXPECT_TRUE(Walk("d/b").ok());
}

TEST_F(LookUpTest, NamesOfADirectoryThatWasListedAreListedAgainAtOnce) {
  for (int i = 10; i < 20; ++i) store_->PutText("d/" + std::to_string(i), "x");
  EXPECT_EQ(List("d")->size(), 10u);
  Expire();
  store_->PutText("d/12", "longer");
  const InodeId directory = InodeOf("d");
  const auto lists = store_->calls(StoreCall::kList);
  const auto heads = store_->calls(StoreCall::kHead);
  for (int i = 10; i < 20; ++i) {
    const auto entry = fs_->LookUp(directory, std::to_string(i));
    ASSERT_TRUE(entry.ok());
    EXPECT_EQ(entry->attributes.size, i == 12 ? 6u : 1u);
  }
  EXPECT_EQ(ErrorOf(fs_->LookUp(directory, "none")), FsError::kNotFound);
  EXPECT_EQ(store_->calls(StoreCall::kHead), heads);
  EXPECT_LE(store_->calls(StoreCall::kList) - lists, 2u);  // 10 by 7.
}

TEST_F(LookUpTest, NamesThatWereThereBeforeTheMountNeedNoQuestion) {
  store_->PutText("f", "text");
  store_->PutText("d/f", "text");
  RootPage root;
  root.asked = clock_.Now();
  root.page = *store_->List({.delimiter = "/"}, Deadline::Never());
  fs_ = MakeFileSystem(store_, TestOptions(), clock_, {}, root);
  const auto calls = [this] {
    return store_->calls(StoreCall::kList) + store_->calls(StoreCall::kHead);
  };
  const auto before = calls();
  EXPECT_EQ(Walk("f")->attributes.size, 4u);
  EXPECT_EQ(Walk("d")->attributes.type, FileType::kDirectory);
  EXPECT_EQ(calls(), before);
  // What came or changed since is seen all the same.
  store_->PutText("new", "x");
  EXPECT_TRUE(Walk("new").ok());
  EXPECT_EQ(List("")->size(), 3u);
  ASSERT_TRUE(Unlink("f").ok());
  EXPECT_EQ(ErrorOf(Walk("f")), FsError::kNotFound);
  Expire();
  store_->PutText("f", "longer");
  EXPECT_EQ(Walk("f")->attributes.size, 6u);
}

TEST_F(LookUpTest, AbsenceIsRememberedUntilItIsOld) {
  EXPECT_EQ(ErrorOf(Walk("a")), FsError::kNotFound);
  const auto before = store_->calls(StoreCall::kHead);
  store_->PutText("a", "new");
  EXPECT_EQ(ErrorOf(Walk("a")), FsError::kNotFound);
  EXPECT_EQ(store_->calls(StoreCall::kHead), before);
  Expire();
  EXPECT_TRUE(Walk("a").ok());
}

TEST_F(LookUpTest, AnotherVersionIsAnotherInode) {
  store_->PutText("a", "one");
  const InodeId one = InodeOf("a");
  Expire();
  EXPECT_EQ(InodeOf("a"), one);
  store_->PutText("a", "two");
  Expire();
  EXPECT_NE(InodeOf("a"), one);
}

TEST_F(LookUpTest, AnAnswerIsValidForTheRestOfItsTime) {
  store_->PutText("a", "x");
  EXPECT_EQ(Walk("a")->valid_for, std::chrono::seconds(1));
  clock_.Advance(std::chrono::milliseconds(400));
  EXPECT_EQ(Walk("a")->valid_for, std::chrono::milliseconds(600));
}

TEST_F(LookUpTest, AttributesOfAVersionThatIsGoneAreStale) {
  store_->PutText("a", "one");
  const InodeId inode = InodeOf("a");
  Expire();
  EXPECT_EQ(fs_->GetAttributes(inode)->attributes.size, 3u);
  store_->PutText("a", "four");
  Expire();
  EXPECT_EQ(ErrorOf(fs_->GetAttributes(inode)), FsError::kStale);
}

TEST_F(LookUpTest, ErrorsOfTheStoreAreNotAbsence) {
  for (const auto& [code, error] :
       {std::pair{ErrorCode::kPermissionDenied, FsError::kPermission},
        std::pair{ErrorCode::kUnauthenticated, FsError::kPermission},
        std::pair{ErrorCode::kUnavailable, FsError::kIo},
        std::pair{ErrorCode::kDeadlineExceeded, FsError::kTimedOut}}) {
    store_->FailNext(StoreCall::kHead, 1, code);
    EXPECT_EQ(ErrorOf(Walk("a")), error);
    store_->FailNext(StoreCall::kList, 1, code);
    EXPECT_EQ(ErrorOf(Walk("a")), error);
  }
}

TEST_F(LookUpTest, NamesThatCannotBeKeysAreRefused) {
  EXPECT_EQ(ErrorOf(fs_->LookUp(kRootInode, std::string(256, 'n'))),
            FsError::kNameTooLong);
  EXPECT_EQ(ErrorOf(fs_->LookUp(kRootInode, "..")), FsError::kInvalid);
  InodeId at = kRootInode;
  for (int i = 0; i < 4; ++i) {
    at = fs_->MakeDirectory(at, std::string(250, 'd'), 0755, kAlice)
             ->attributes.inode;
  }
  EXPECT_EQ(
      ErrorOf(fs_->Create(at, "twenty-characters-ab", 0644, kWrite, kAlice)),
      FsError::kNameTooLong);
}

class DirectoryTest : public FileSystemTest {};

TEST_F(DirectoryTest, ListsManyPagesOnceEach) {
  std::vector<std::string> names;
  for (int i = 100; i < 150; ++i) {
    names.push_back("n" + std::to_string(i));
    store_->PutText("d/" + names.back(), "x");
  }
  const InodeId directory = InodeOf("d");
  const auto before = store_->calls(StoreCall::kList);
  EXPECT_EQ(*List("d"), names);
  EXPECT_EQ(store_->calls(StoreCall::kList) - before, 8u);  // 50 by 7.
  EXPECT_EQ(InodeOf("d"), directory);
}

TEST_F(DirectoryTest, ALongDirectoryIsWholeAndInOrder) {
  std::vector<std::string> names;
  for (int i = 1000; i < 1500; ++i) {
    names.push_back("n" + std::to_string(i));
    store_->PutText("d/" + names.back(), "x");
  }
  EXPECT_EQ(*List("d", 20), names);
  EXPECT_EQ(*List("d", 20), names);
}

TEST_F(DirectoryTest, WhoListsOneDirectoryAfterTheOtherFindsTheNextOnesListed) {
  for (int i = 10; i < 30; ++i) {
    store_->PutText("d" + std::to_string(i) + "/f", "x");
  }
  EXPECT_EQ(List("")->size(), 20u);
  const auto before = store_->calls(StoreCall::kList);
  const auto list = [this](int i) {
    EXPECT_EQ(*List("d" + std::to_string(i)), std::vector<std::string>{"f"});
  };
  list(10);
  list(11);
  store_->Hold(StoreCall::kList);
  {
    std::jthread reader([&] { list(12); });
    EXPECT_TRUE(store_->AwaitHeld(StoreCall::kList, 5));
    store_->Release(StoreCall::kList);
  }
  for (int i = 13; i < 30; ++i) list(i);
  EXPECT_EQ(store_->calls(StoreCall::kList) - before, 20u);
}

TEST_F(DirectoryTest, KeysThatAreNoPathsAreHidden) {
  store_->PutText("d/ok", "x");
  store_->PutText("d//x", "x");
  store_->PutText("d/../x", "x");
  store_->PutText("d/" + std::string(256, 'n'), "x");
  EXPECT_THAT(*List("d"), ElementsAre("ok"));
}

TEST_F(DirectoryTest, AnOpenDirectoryKeepsItsOffsets) {
  for (char c = 'a'; c <= 'j'; ++c) store_->PutText(std::string(1, c), "x");
  const HandleId handle = *fs_->OpenDirectory(kRootInode);
  std::vector<std::pair<std::string, std::uint64_t>> seen;
  ASSERT_TRUE(fs_->ReadDirectory(handle, 0, false,
                                 [&](const DirectoryEntry& entry) {
                                   seen.emplace_back(entry.name,
                                                     entry.next_offset);
                                   return true;
                                 })
                  .ok());
  ASSERT_EQ(seen.size(), 12u);
  EXPECT_EQ(seen[0].first, ".");
  EXPECT_EQ(seen[1].first, "..");
  store_->PutText("aa", "new");
  Expire();
  for (std::size_t i = 0; i + 1 < seen.size(); ++i) {
    std::string next;
    ASSERT_TRUE(fs_->ReadDirectory(handle, seen[i].second, false,
                                   [&](const DirectoryEntry& entry) {
                                     next = entry.name;
                                     return false;
                                   })
                    .ok());
    EXPECT_EQ(next, seen[i + 1].first);
  }
  fs_->ReleaseDirectory(handle);
  EXPECT_EQ(ErrorOf(fs_->ReadDirectory(handle, 0, false, nullptr)),
            FsError::kBadHandle);
}

TEST_F(DirectoryTest, TheNumberInAListingIsTheInodes) {
  store_->PutText("a", "x");
  InodeId listed = 0;
  const HandleId handle = *fs_->OpenDirectory(kRootInode);
  ASSERT_TRUE(fs_->ReadDirectory(handle, 2, false,
                                 [&](const DirectoryEntry& entry) {
                                   listed = entry.entry.attributes.inode;
                                   return true;
                                 })
                  .ok());
  EXPECT_EQ(InodeOf("a"), listed);
  fs_->ReleaseDirectory(handle);
}

TEST_F(DirectoryTest, MadeDirectoriesAreMarkersInTheStore) {
  ASSERT_TRUE(MakeDirectory("d").ok());
  EXPECT_EQ(store_->Text("d/"), "");
  EXPECT_EQ(ErrorOf(MakeDirectory("d")), FsError::kExists);
  EXPECT_THAT(*List(""), ElementsAre("d/"));
  EXPECT_EQ(Walk("d")->attributes.mode, 0755u);
  EXPECT_EQ(Walk("d")->attributes.uid, kAlice.uid);
  store_->PutText("f", "x");
  Expire();
  EXPECT_EQ(ErrorOf(MakeDirectory("f")), FsError::kExists);
}

TEST_F(DirectoryTest, FilesInANewDirectoryNeedOneRequestEach) {
  ASSERT_TRUE(MakeDirectory("d").ok());
  const auto heads = store_->calls(StoreCall::kHead);
  const auto lists = store_->calls(StoreCall::kList);
  for (char c = 'a'; c <= 'e'; ++c) {
    ASSERT_TRUE(WriteFile(std::string("d/") + c, "x").ok());
  }
  EXPECT_EQ(store_->calls(StoreCall::kHead), heads);
  EXPECT_EQ(store_->calls(StoreCall::kList), lists);
  EXPECT_EQ(store_->calls(StoreCall::kPut), 6u);
  EXPECT_THAT(*List("d"), ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(DirectoryTest, OnlyEmptyDirectoriesAreRemoved) {
  ASSERT_TRUE(MakeDirectory("d").ok());
  ASSERT_TRUE(WriteFile("d/f", "x").ok());
  EXPECT_EQ(ErrorOf(RemoveDirectory("d")), FsError::kNotEmpty);
  EXPECT_EQ(ErrorOf(RemoveDirectory("d/f")), FsError::kNotDirectory);
  ASSERT_TRUE(Unlink("d/f").ok());
  EXPECT_TRUE(RemoveDirectory("d").ok());
  EXPECT_THAT(store_->Keys(), IsEmpty());
  EXPECT_EQ(ErrorOf(Walk("d")), FsError::kNotFound);
  EXPECT_EQ(ErrorOf(RemoveDirectory("d")), FsError::kNotFound);
}

TEST_F(DirectoryTest, AFileBeingWrittenKeepsItsDirectory) {
  ASSERT_TRUE(MakeDirectory("d").ok());
  const HandleId handle = *Open("d/f", kWrite);
  EXPECT_EQ(ErrorOf(RemoveDirectory("d")), FsError::kNotEmpty);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(DirectoryTest, ADirectoryStaysWhenItsLastFileGoes) {
  store_->PutText("a/b/f", "x");  // No markers.
  ASSERT_TRUE(Unlink("a/b/f").ok());
  EXPECT_THAT(store_->Keys(), IsEmpty());
  Expire();
  EXPECT_TRUE(Walk("a/b").ok());
  EXPECT_THAT(*List("a/b"), IsEmpty());
  EXPECT_EQ(ErrorOf(RemoveDirectory("a")), FsError::kNotEmpty);
  EXPECT_TRUE(RemoveDirectory("a/b").ok());
  EXPECT_THAT(*List(""), ElementsAre("a/"));
  EXPECT_TRUE(RemoveDirectory("a").ok());
  EXPECT_EQ(ErrorOf(Walk("a")), FsError::kNotFound);
}

TEST_F(DirectoryTest, OwnChangesShowAtOnceInAListingThatIsNotOld) {
  store_->PutText("d/a", "x");
  store_->PutText("d/b", "x");
  ASSERT_TRUE(List("d").ok());
  ASSERT_TRUE(WriteFile("d/new", "x").ok());
  ASSERT_TRUE(Unlink("d/a").ok());
  ASSERT_TRUE(MakeDirectory("d/dir").ok());
  ASSERT_TRUE(Rename("d/b", "d/c").ok());
  EXPECT_THAT(*List("d"), ElementsAre("c", "dir/", "new"));
  Expire();
  EXPECT_THAT(*List("d"), ElementsAre("c", "dir/", "new"));
}

TEST_F(DirectoryTest, AFailedListingIsAnError) {
  store_->FailNext(StoreCall::kList, 1, ErrorCode::kUnavailable);
  EXPECT_EQ(ErrorOf(List("")), FsError::kIo);
  EXPECT_THAT(*List(""), IsEmpty());
}

TEST_F(DirectoryTest, ALostBucketIsNoEmptyDirectory) {
  store_->FailNext(StoreCall::kList, 2, ErrorCode::kNotFound);
  EXPECT_EQ(ErrorOf(List("")), FsError::kIo);
  EXPECT_EQ(ErrorOf(Walk("a")), FsError::kIo);
}

class UnlinkTest : public FileSystemTest {};

TEST_F(UnlinkTest, TheObjectIsGone) {
  store_->PutText("a", "x");
  EXPECT_TRUE(Unlink("a").ok());
  EXPECT_THAT(store_->Keys(), IsEmpty());
  EXPECT_EQ(ErrorOf(Walk("a")), FsError::kNotFound);
  EXPECT_EQ(ErrorOf(Unlink("a")), FsError::kNotFound);
}

TEST_F(UnlinkTest, ADirectoryIsNotUnlinked) {
  store_->PutText("d/a", "x");
  EXPECT_EQ(ErrorOf(Unlink("d")), FsError::kIsDirectory);
}

TEST_F(UnlinkTest, AFailedDeleteLeavesTheFile) {
  store_->PutText("a", "x");
  store_->FailNext(StoreCall::kDelete, 1, ErrorCode::kPermissionDenied);
  EXPECT_EQ(ErrorOf(Unlink("a")), FsError::kPermission);
  EXPECT_EQ(*ReadFile("a"), "x");
}

TEST_F(UnlinkTest, AnOpenFileReadsWhatItHasAndIsStaleBeyond) {
  const std::string text = Pattern(4 << 20);
  store_->PutText("big", text);
  const HandleId handle = *Open("big", kRead);
  ASSERT_EQ(*ReadAt(handle, 0, 100), text.substr(0, 100));
  ASSERT_TRUE(Unlink("big").ok());
  EXPECT_EQ(*ReadAt(handle, 0, 200), text.substr(0, 200));
  EXPECT_EQ(ErrorOf(ReadAt(handle, 3 << 20, 100)), FsError::kStale);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(UnlinkTest, AFileBeingWrittenNeverAppears) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, Pattern(3 * kTestPartBytes)).ok());
  ASSERT_TRUE(Unlink("f").ok());
  EXPECT_TRUE(Write(handle, 3 * kTestPartBytes, "more").ok());
  EXPECT_TRUE(Close(handle).ok());
  EXPECT_THAT(store_->Keys(), IsEmpty());
  EXPECT_EQ(store_->open_uploads(), 0u);
}

class AttributeTest : public FileSystemTest {};

TEST_F(AttributeTest, DefaultsComeFromTheOptions) {
  FileSystemOptions options = TestOptions();
  options.uid = 7;
  options.gid = 8;
  options.file_mode = 0640;
  options.directory_mode = 0750;
  Mount(options);
  store_->PutText("d/f", "x");
  const Attributes file = Walk("d/f")->attributes;
  EXPECT_EQ(file.mode, 0640u);
  EXPECT_EQ(file.uid, 7u);
  EXPECT_EQ(file.gid, 8u);
  EXPECT_EQ(Walk("d")->attributes.mode, 0750u);
}

TEST_F(AttributeTest, ChangesAreRememberedAndNotStored) {
  store_->PutText("f", "x");
  const InodeId inode = InodeOf("f");
  const WallTime then = WallTime(std::chrono::seconds(1'000'000));
  AttributeChange change;
  change.mode = 0400;
  change.uid = 5;
  change.modified = then;
  ASSERT_TRUE(fs_->SetAttributes(inode, change).ok());
  Expire();
  const Attributes kept = Walk("f")->attributes;
  EXPECT_EQ(kept.mode, 0400u);
  EXPECT_EQ(kept.uid, 5u);
  EXPECT_EQ(kept.modified, then);
  EXPECT_EQ(store_->calls(StoreCall::kPut), 0u);
  fs_->Forget(inode, 1000);
  EXPECT_EQ(Walk("f")->attributes.mode, TestOptions().file_mode);
}

TEST_F(AttributeTest, TimesAreWholeSecondsOfTheObject) {
  clock_.SetWall(WallTime(std::chrono::milliseconds(1'700'000'000'900)));
  store_->PutText("f", "x");
  EXPECT_EQ(Walk("f")->attributes.modified,
            WallTime(std::chrono::seconds(1'700'000'000)));
}

TEST_F(AttributeTest, ATimeThatWasSetWhileWritingOutlivesTheClose) {
  const HandleId handle = *Open("f", kWrite);
  ASSERT_TRUE(Write(handle, 0, "x").ok());
  AttributeChange change;
  change.modified = WallTime(std::chrono::seconds(1'000'000));
  ASSERT_TRUE(fs_->SetAttributes(InodeOf("f"), change).ok());
  ASSERT_TRUE(Close(handle).ok());
  EXPECT_EQ(Walk("f")->attributes.modified, *change.modified);
  ASSERT_TRUE(WriteFile("f", "y").ok());
  EXPECT_NE(Walk("f")->attributes.modified, *change.modified);
}

TEST_F(AttributeTest, TheFileSystemIsLarge) {
  EXPECT_GE(fs_->GetStatFs().free_bytes, std::uint64_t{1} << 50);
}

}  // namespace
}  // namespace datashim::fs
