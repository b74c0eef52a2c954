// What the cache on the local disk does to reads: nothing but their speed.

#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "base/testing/eventually.h"
#include "cache/cache.h"
#include "fs/backing_files.h"
#include "fs/testing/file_system_fixture.h"

namespace datashim::fs {
namespace {

using datashim::testing::Eventually;
using store::StoreCall;
namespace stdfs = std::filesystem;

constexpr std::size_t kMib = std::size_t{1} << 20;

class CachedReadTest : public FileSystemTest {
 protected:
  CachedReadTest() {
    std::string name =
        (stdfs::temp_directory_path() / "datashim-cache-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    cache_options_.directory = directory_;
    cache_options_.limits = {.bytes_max = 100 * kMib,
                             .disk_free_percent_min = 0};
    OpenCache();
  }
  ~CachedReadTest() override {
    fs_.reset();
    cache_.reset();
    stdfs::remove_all(directory_);
  }

  /// The process starts anew.
  void OpenCache() {
    fs_.reset();
    cache_.reset();
    cache_ = *cache::Cache::Open(cache_options_, clock_);
    MountCached();
  }
  void MountCached(const std::string& origin = "origin") {
    fs_.reset();
    fs_ = MakeFileSystem(store_, TestOptions(), clock_,
                         {cache_, origin, "prefix/"});
  }

  cache::ObjectId IdOf(const std::string& key) {
    const auto info = store_->Head(key, Deadline::Never());
    return {"origin", "prefix/" + key, info->etag, info->size};
  }
  bool IsWhole(const std::string& key) {
    const auto copy = cache_->Find(IdOf(key));
    return copy && copy->whole();
  }
  bool BecomesWhole(const std::string& key) {
    return Eventually([&] { return IsWhole(key); });
  }
  stdfs::path CacheFile(const std::string& key) {
    return stdfs::path(directory_) / "datashim-cache/complete" /
           cache::EntryName(IdOf(key));
  }
  std::uint64_t gets() { return store_->calls(StoreCall::kGet); }

  std::string directory_;
  cache::CacheOptions cache_options_;
  std::shared_ptr<cache::Cache> cache_;
};

TEST_F(CachedReadTest, AFileThatWasReadIsOnTheDisk) {
  for (const std::size_t size :
       {std::size_t{128} << 10, kMib, 3 * kMib + 17, 20 * kMib}) {
    const std::string key = "f" + std::to_string(size);
    const std::string text = Pattern(size);
    store_->PutText(key, text);
    ASSERT_TRUE(*ReadFile(key) == text);
    ASSERT_TRUE(BecomesWhole(key));
    const std::uint64_t before = gets();
    MountCached();
    EXPECT_TRUE(*ReadFile(key) == text);
    EXPECT_EQ(gets(), before);
  }
}

TEST_F(CachedReadTest, ACopySurvivesARestart) {
  const std::string text = Pattern(3 * kMib + 17);
  store_->PutText("f", text);
  ASSERT_TRUE(ReadFile("f").ok());
  ASSERT_TRUE(BecomesWhole("f"));
  const std::uint64_t before = gets();
  OpenCache();
  EXPECT_TRUE(*ReadFile("f") == text);
  EXPECT_TRUE(BecomesWhole("f"));
  EXPECT_EQ(gets(), before);
}

TEST_F(CachedReadTest, TheRestOfAFileIsFetchedInTheBackground) {
  const std::string text = Pattern(8 * kMib);
  store_->PutText("f", text);
  const HandleId handle = *Open("f", kRead);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(
        ReadAt(handle, static_cast<std::uint64_t>(i) << 16, 1 << 16).ok());
  }
  ASSERT_TRUE(BecomesWhole("f"));
  store_->FailNext(StoreCall::kGet, 1000, ErrorCode::kUnavailable);
  EXPECT_TRUE(*ReadAll(handle) == text);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(CachedReadTest, TheBackgroundGoesOnWhenTheReaderHasGone) {
  const std::string text = Pattern(8 * kMib);
  store_->PutText("f", text);
  const HandleId handle = *Open("f", kRead);
  ASSERT_TRUE(ReadAt(handle, 0, 200'000).ok());
  EXPECT_TRUE(Close(handle).ok());
  EXPECT_TRUE(BecomesWhole("f"));
  EXPECT_TRUE(*ReadFile("f") == text);
}

TEST_F(CachedReadTest, ALookIntoAFileDoesNotFetchItAll) {
  store_->PutText("f", Pattern(8 * kMib));
  const HandleId handle = *Open("f", kRead);
  ASSERT_TRUE(ReadAt(handle, 0, 4096).ok());
  ASSERT_TRUE(ReadAt(handle, 7 * kMib, 4096).ok());
  EXPECT_TRUE(Close(handle).ok());
  EXPECT_EQ(cache_->bytes_used(), 0u);
}

TEST_F(CachedReadTest, AFileThatIsReadInNoOrderIsCopiedToo) {
  const std::string text = Pattern(4 * kMib);
  store_->PutText("f", text);
  const HandleId handle = *Open("f", kRead);
  std::mt19937 random(3);
  for (int i = 0; i < 100 && cache_->bytes_used() == 0; ++i) {
    ASSERT_TRUE(ReadAt(handle, random() % (3 * kMib), 40'000).ok());
  }
  EXPECT_TRUE(BecomesWhole("f"));
  EXPECT_TRUE(*ReadAll(handle) == text);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(CachedReadTest, ReadsThatAreWaitedForAreServedWhileTheDiskIsFilled) {
  const std::string text = Pattern(8 * kMib);
  store_->PutText("f", text);
  const HandleId handle = *Open("f", kRead);
  std::mt19937 random(4);
  ASSERT_TRUE(ReadAt(handle, 0, 200'000).ok());
  while (!IsWhole("f")) {
    const std::uint64_t offset = random() % (7 * kMib);
    ASSERT_TRUE(*ReadAt(handle, offset, 50'000) == text.substr(offset, 50'000));
  }
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(CachedReadTest, AnotherVersionIsNeverServedFromTheOldCopy) {
  store_->PutText("f", Pattern(2 * kMib, 1));
  ASSERT_TRUE(ReadFile("f").ok());
  ASSERT_TRUE(BecomesWhole("f"));
  MountCached();
  ASSERT_TRUE(List("").ok());
  const std::string text = Pattern(2 * kMib, 2);
  store_->PutText("f", text);
  // Not even while what is known of the old one is fresh.
  EXPECT_EQ(ErrorOf(fs_->Open(InodeOf("f"), kRead)), FsError::kStale);
  EXPECT_TRUE(*ReadFile("f") == text);
}

TEST_F(CachedReadTest, KeysThatMayNotReadGetNothingFromTheDisk) {
  store_->PutText("f", Pattern(2 * kMib));
  ASSERT_TRUE(ReadFile("f").ok());
  ASSERT_TRUE(BecomesWhole("f"));
  MountCached();
  ASSERT_TRUE(List("").ok());  // They may list.
  const InodeId inode = InodeOf("f");
  store_->SetHook([](StoreCall call, const std::string&) -> Status {
    if (call != StoreCall::kHead && call != StoreCall::kGet) return OkStatus();
    return Error{ErrorCode::kPermissionDenied, "not these keys"};
  });
  auto open = fs_->Open(inode, kRead);
  ASSERT_TRUE(open.ok());
  EXPECT_EQ(ErrorOf(ReadAt(open->handle, 0, 100)), FsError::kPermission);
  // Nor when they show that they want all of it, again and again.
  for (int round = 0; round < 20; ++round) {
    for (std::uint64_t at = 0; at < 2 * kMib; at += 256 * 1024) {
      ASSERT_EQ(ErrorOf(ReadAt(open->handle, at, 256 * 1024)),
                FsError::kPermission);
    }
  }
  fs_->Release(open->handle);
  store_->SetHook(nullptr);
  EXPECT_TRUE(IsWhole("f")) << "the work of others stays";
}

TEST_F(CachedReadTest, AnotherBucketIsNotServed) {
  store_->PutText("f", Pattern(2 * kMib));
  ASSERT_TRUE(ReadFile("f").ok());
  ASSERT_TRUE(BecomesWhole("f"));
  MountCached("other");
  const std::uint64_t before = gets();
  ASSERT_TRUE(ReadFile("f").ok());
  EXPECT_GT(gets(), before);
}

TEST_F(CachedReadTest, ADamagedCopyIsNeverServed) {
  const std::string text = Pattern(3 * kMib);
  store_->PutText("f", text);
  ASSERT_TRUE(ReadFile("f").ok());
  ASSERT_TRUE(BecomesWhole("f"));
  fs_.reset();
  cache_.reset();
  {
    std::fstream file(CacheFile("f"), std::ios::in | std::ios::out);
    file.seekp(2 * kMib + 5);
    file.put(static_cast<char>(text[2 * kMib + 5] ^ 1));
  }
  OpenCache();
  EXPECT_TRUE(*ReadFile("f") == text);
}

TEST_F(CachedReadTest, ACacheThatFailsIsNoErrorOfReads) {
  const std::string text = Pattern(3 * kMib);
  store_->PutText("f", text);
  stdfs::remove_all(stdfs::path(directory_) / "datashim-cache/filling");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(*ReadFile("f") == text);
  EXPECT_EQ(cache_->bytes_used(), 0u);
}

TEST_F(CachedReadTest, AFileThatDoesNotFitIsReadWithoutTheCache) {
  cache_options_.limits.bytes_max = kMib;
  OpenCache();
  const std::string text = Pattern(3 * kMib);
  store_->PutText("f", text);
  EXPECT_TRUE(*ReadFile("f") == text);
  EXPECT_EQ(cache_->bytes_used(), 0u);
}

TEST_F(CachedReadTest, FetchesThatFailEndTheCopyAndNoRead) {
  const std::string text = Pattern(4 * kMib);
  store_->PutText("f", text);
  const HandleId handle = *Open("f", kRead);
  ASSERT_TRUE(ReadAt(handle, 0, 100'000).ok());
  store_->SetHook([](StoreCall call, const std::string&) -> Status {
    if (call != StoreCall::kGet) return OkStatus();
    return Error{ErrorCode::kUnavailable, "the store is down"};
  });
  (void)ReadAt(handle, 100'000, 100'000);
  EXPECT_TRUE(Eventually([&] { return cache_->bytes_used() == 0; }));
  store_->SetHook(nullptr);
  EXPECT_TRUE(*ReadAll(handle) == text);
  EXPECT_TRUE(Close(handle).ok());
}

/// What a kernel would have registered.
class FakeBackingFiles final : public BackingFiles {
 public:
  Result<std::int32_t> Register(const BackingFile& file) override {
    EXPECT_TRUE(file.name.starts_with("datashim-cache/complete/"));
    if (auto meanwhile = std::exchange(meanwhile_, nullptr)) meanwhile();
    const std::lock_guard lock(mutex_);
    if (fails_) return Error{ErrorCode::kPermissionDenied, "not privileged"};
    ids_.insert(++last_id_);
    return last_id_;
  }
  void Unregister(std::int32_t id) override {
    const std::lock_guard lock(mutex_);
    EXPECT_EQ(ids_.erase(id), 1u);
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return ids_.size();
  }
  void set_fails(bool fails) { fails_ = fails; }
  /// Runs while the next file is being registered, as another thread would.
  void set_meanwhile(std::function<void()> meanwhile) {
    meanwhile_ = std::move(meanwhile);
  }

 private:
  std::function<void()> meanwhile_;
  std::mutex mutex_;
  std::set<std::int32_t> ids_;
  std::int32_t last_id_ = 0;
  std::atomic<bool> fails_ = false;
};

class PassthroughTest : public CachedReadTest {
 protected:
  PassthroughTest() {
    store_->PutText("f", text_);
    fs_->UseBackingFiles(backing_);
  }
  void MakeWhole() {
    ASSERT_TRUE(*ReadFile("f") == text_);
    ASSERT_TRUE(BecomesWhole("f"));
  }
  FsResult<OpenResult> OpenInode(InodeId inode, OpenFlags flags = kRead) {
    return fs_->Open(inode, flags);
  }

  const std::string text_ = Pattern(2 * kMib);
  const std::shared_ptr<FakeBackingFiles> backing_ =
      std::make_shared<FakeBackingFiles>();
};

TEST_F(PassthroughTest, OnlyFilesThatAreWholePassThroughAndAllByOneNumber) {
  const InodeId inode = InodeOf("f");
  auto early = OpenInode(inode);
  EXPECT_EQ(early->backing_id, 0);
  fs_->Release(early->handle);
  MakeWhole();
  auto one = OpenInode(inode);
  auto two = OpenInode(inode);
  EXPECT_GT(one->backing_id, 0);
  EXPECT_EQ(two->backing_id, one->backing_id);
  EXPECT_FALSE(one->keep_cache);
  EXPECT_FALSE(one->direct_io);
  fs_->Release(one->handle);
  EXPECT_EQ(OpenInode(inode)->backing_id, two->backing_id);
  EXPECT_EQ(backing_->size(), 1u);
}

TEST_F(PassthroughTest, TwoThatOpenAtOnceShareOneNumber) {
  MakeWhole();
  const InodeId inode = InodeOf("f");
  FsResult<OpenResult> other = FsError::kIo;
  backing_->set_meanwhile([&] { other = OpenInode(inode); });
  auto open = OpenInode(inode);
  ASSERT_EQ(ErrorOf(open), std::nullopt);
  ASSERT_EQ(ErrorOf(other), std::nullopt);
  EXPECT_GT(open->backing_id, 0);
  EXPECT_EQ(open->backing_id, other->backing_id);
  EXPECT_EQ(backing_->size(), 1u);
  fs_->Release(open->handle);
  fs_->Release(other->handle);
  EXPECT_EQ(backing_->size(), 0u);
}

TEST_F(PassthroughTest, NothingStaysRegistered) {
  MakeWhole();
  const InodeId inode = InodeOf("f");
  for (int i = 0; i < 3; ++i) {
    auto open = OpenInode(inode);
    EXPECT_EQ(backing_->size(), 1u);
    fs_->Release(open->handle);
    EXPECT_EQ(backing_->size(), 0u);
  }
  EXPECT_GT(OpenInode(inode)->backing_id, 0);
  fs_.reset();
  EXPECT_EQ(backing_->size(), 0u);
}

TEST_F(PassthroughTest, WhatIsCachedStaysSoAndTheNameBecomesAnotherInode) {
  const InodeId inode = InodeOf("f");
  auto early = OpenInode(inode);
  MakeWhole();
  EXPECT_EQ(ErrorOf(OpenInode(inode)), FsError::kStale);
  const InodeId second = InodeOf("f");
  EXPECT_NE(second, inode);
  auto late = OpenInode(second);
  EXPECT_GT(late->backing_id, 0);
  EXPECT_TRUE(*ReadAll(early->handle) == text_);
  EXPECT_EQ(fs_->GetAttributes(inode)->attributes.size, text_.size());
  // The old one has no name any more: who opens it is sent to look anew.
  fs_->Release(early->handle);
  EXPECT_EQ(ErrorOf(OpenInode(inode)), FsError::kStale);
  EXPECT_EQ(InodeOf("f"), second);
}

// The number that a listing has for a name may be that of an inode that is open
// and lost its name.
TEST_F(PassthroughTest, AnotherInodeStaysAnotherWhenTheKernelForgotIt) {
  EXPECT_EQ(List("")->size(), 1u);
  const InodeId inode = InodeOf("f");
  auto early = OpenInode(inode);
  MakeWhole();
  EXPECT_EQ(ErrorOf(OpenInode(inode)), FsError::kStale);
  const InodeId second = InodeOf("f");
  fs_->Forget(second, 1);
  const InodeId third = InodeOf("f");
  EXPECT_NE(third, inode);
  EXPECT_GT(OpenInode(third)->backing_id, 0);
  EXPECT_TRUE(*ReadAll(early->handle) == text_);
}

TEST_F(PassthroughTest, AWriterGetsAnInodeOfItsOwn) {
  MakeWhole();
  const InodeId inode = InodeOf("f");
  AttributeChange change;
  change.mode = 0640;
  ASSERT_TRUE(fs_->SetAttributes(inode, change).ok());
  auto reader = OpenInode(inode);
  EXPECT_EQ(ErrorOf(OpenInode(inode, kTruncate)), FsError::kStale);
  const Entry entry = *Walk("f");
  EXPECT_NE(entry.attributes.inode, inode);
  EXPECT_EQ(entry.attributes.mode, 0640u);
  ASSERT_TRUE(WriteFile("f", "new").ok());
  EXPECT_EQ(*ReadFile("f"), "new");
  EXPECT_TRUE(*ReadAll(reader->handle) == text_);
}

TEST_F(PassthroughTest, AnObjectThatWasReplacedByNameIsAnotherInode) {
  MakeWhole();
  const InodeId inode = InodeOf("f");
  auto reader = OpenInode(inode);
  AttributeChange change;
  change.size = 0;
  ASSERT_TRUE(fs_->SetAttributes(inode, change).ok());
  EXPECT_EQ(ErrorOf(OpenInode(inode)), FsError::kStale);
  EXPECT_EQ(*ReadFile("f"), "");
  fs_->Release(reader->handle);
}

TEST_F(PassthroughTest, WithoutPrivilegesFilesAreReadByUs) {
  backing_->set_fails(true);
  MakeWhole();
  auto open = OpenInode(InodeOf("f"));
  EXPECT_EQ(open->backing_id, 0);
  EXPECT_TRUE(open->keep_cache);
  const std::uint64_t before = gets();
  EXPECT_TRUE(*ReadAll(open->handle) == text_);
  EXPECT_EQ(gets(), before);
  backing_->set_fails(false);
}

// Files are filled, evicted and given up at all times, mounts end at any.
TEST_F(CachedReadTest, ManyReadersAndALittleDisk) {
  cache_options_.limits.bytes_max = 5 * kMib;
  OpenCache();
  constexpr std::size_t kFiles = 6;
  for (std::size_t i = 0; i < kFiles; ++i) {
    store_->PutText("f" + std::to_string(i),
                    Pattern(2 * kMib, static_cast<unsigned>(i) + 1));
  }
  std::atomic<int> wrong = 0;
  for (int round = 0; round < 6; ++round) {
    MountCached();
    std::vector<std::thread> readers;
    for (unsigned reader = 0; reader < 4; ++reader) {
      readers.emplace_back([&, reader] {
        std::mt19937 random(static_cast<unsigned>(round) * 10 + reader);
        for (int step = 0; step < 6; ++step) {
          const auto file = static_cast<unsigned>(random() % kFiles);
          const std::string text = Pattern(2 * kMib, file + 1);
          const auto handle = Open("f" + std::to_string(file), kRead);
          const std::uint64_t offset = random() % kMib;
          const auto first = ReadAt(*handle, offset, 300'000);
          wrong += !first.ok() || *first != text.substr(offset, 300'000);
          if (random() % 2 > 0) wrong += *ReadAll(*handle) != text;
          wrong += !Close(*handle).ok();
        }
      });
    }
    for (std::thread& reader : readers) reader.join();
    EXPECT_LE(cache_->bytes_used(), 5 * kMib);
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace datashim::fs
