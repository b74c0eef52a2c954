// What reads do: content, prefetch, errors, memory, many readers at once.

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <random>
#include <thread>

#include "fs/testing/file_system_fixture.h"

namespace datashim::fs {
namespace {

using store::StoreCall;

class ReadTest : public FileSystemTest {};

TEST_F(ReadTest, EveryByteOfSmallAndLargeObjects) {
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{4096}, kTestPartBytes,
        std::size_t{1} << 20, (std::size_t{5} << 20) + 17}) {
    const std::string text = Pattern(size);
    store_->PutText("f" + std::to_string(size), text);
    auto read = ReadFile("f" + std::to_string(size));
    ASSERT_TRUE(read.ok());
    EXPECT_TRUE(*read == text) << size;
  }
}

TEST_F(ReadTest, NothingIsBehindTheEnd) {
  store_->PutText("f", "text");
  const HandleId handle = *Open("f", kRead);
  EXPECT_EQ(*ReadAt(handle, 2, 100), "xt");
  EXPECT_EQ(*ReadAt(handle, 4, 100), "");
  EXPECT_EQ(*ReadAt(handle, 1 << 30, 100), "");
  EXPECT_TRUE(Close(handle).ok());
  EXPECT_EQ(ErrorOf(ReadAt(handle, 0, 1)), FsError::kBadHandle);
}

TEST_F(ReadTest, WhatIsInMemoryIsHandedOutInPlaceAndAtOnce) {
  store_->PutText("f", Pattern(100'000));
  const HandleId handle = *Open("f", kRead);
  ASSERT_TRUE(ReadAt(handle, 0, 10).ok());
  const void* first = nullptr;
  const void* second = nullptr;
  for (const void** place : {&first, &second}) {
    bool called = false;
    fs_->Read(handle, {64, 10}, [&](FsResult<ReadReply> reply) {
      called = true;
      *place = reply->pieces.at(0).data();
    });
    ASSERT_TRUE(called);
  }
  EXPECT_EQ(first, second);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(ReadTest, ARandomReadIsOneRequestOfItsSize) {
  store_->PutText("f", Pattern(32 << 20));
  FileSystemOptions options = TestOptions();
  options.part_bytes = 8 << 20;
  options.memory_bytes_max = 128 << 20;
  Mount(options);
  const HandleId handle = *Open("f", kRead);
  std::mt19937 random(3);
  std::uint64_t before = store_->calls(StoreCall::kGet);
  for (int i = 0; i < 20; ++i) {
    // Far from each other, in no order.
    const std::uint64_t offset = (i * 7 % 20 * 1600 + random() % 3) << 10;
    ASSERT_TRUE(ReadAt(handle, offset, 256 << 10).ok());
    if (i == 0) before = store_->calls(StoreCall::kGet);
  }
  EXPECT_EQ(store_->calls(StoreCall::kGet) - before, 19u);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(ReadTest, WhatARandomReadFetchedIsNotKept) {
  store_->PutText("f", Pattern(4 << 20));
  const HandleId handle = *Open("f", kRead);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(*ReadAt(handle, 2 << 20, 1000),
              Pattern(4 << 20).substr(2 << 20, 1000));
    EXPECT_EQ(store_->calls(StoreCall::kGet), static_cast<std::uint64_t>(i));
  }
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(ReadTest, ASequentialReaderFindsItsDataFetchedAhead) {
  store_->PutText("f", Pattern(8 << 20));
  const HandleId handle = *Open("f", kRead);
  ASSERT_TRUE(ReadAt(handle, 0, 1 << 20).ok());
  ASSERT_TRUE(ReadAt(handle, 1 << 20, 1 << 20).ok());
  // The window is 2 MiB by now: what follows is in memory, or under way.
  store_->Hold(StoreCall::kGet);
  EXPECT_TRUE(ReadAt(handle, 2 << 20, 64 << 10).ok());
  store_->Release(StoreCall::kGet);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(ReadTest, WhoReadsSmallFilesOneAfterTheOtherFindsTheNextOnesFetched) {
  for (int i = 10; i < 40; ++i) {
    store_->PutText("d/f" + std::to_string(i),
                    Pattern(1000, static_cast<unsigned>(i)));
  }
  EXPECT_EQ(List("d")->size(), 30u);
  const auto read = [this](int i) {
    EXPECT_EQ(*ReadFile("d/f" + std::to_string(i)),
              Pattern(1000, static_cast<unsigned>(i)));
  };
  read(10);
  read(11);
  store_->Hold(StoreCall::kGet);
  {
    std::jthread reader([&] { read(12); });
    EXPECT_TRUE(store_->AwaitHeld(StoreCall::kGet, 3));
    store_->Release(StoreCall::kGet);
  }
  for (int i = 13; i < 40; ++i) read(i);
  EXPECT_EQ(store_->calls(StoreCall::kGet), 30u);
  // What was fetched ahead is never read in place of another version.
  for (int i = 10; i < 13; ++i) read(i);
  store_->PutText("d/f14", "new");
  Expire();
  for (int i = 10; i < 40; ++i) {
    EXPECT_EQ(*ReadFile("d/f" + std::to_string(i)),
              i == 14 ? "new" : Pattern(1000, static_cast<unsigned>(i)));
  }
}

TEST_F(ReadTest, FilesThatAreReadInNoOrderAreNotFetchedAhead) {
  for (int i = 100; i < 300; ++i) {
    store_->PutText("d/f" + std::to_string(i),
                    Pattern(1000, static_cast<unsigned>(i)));
  }
  EXPECT_EQ(List("d", 100)->size(), 200u);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(ReadFile("d/f" + std::to_string(100 + i * 77 % 200)).ok());
  }
  EXPECT_EQ(store_->calls(StoreCall::kGet), 30u);
}

TEST_F(ReadTest, APartIsFetchedOnceWhoeverAsks) {
  store_->PutText("f", Pattern(kTestPartBytes));
  const HandleId handle = *Open("f", kRead);
  store_->Hold(StoreCall::kGet);
  std::latch done(8);
  for (std::uint64_t i = 0; i < 8; ++i) {
    fs_->Read(handle, {i * 100, 100}, [&](FsResult<ReadReply> reply) {
      EXPECT_TRUE(reply.ok());
      done.count_down();
    });
  }
  ASSERT_TRUE(store_->AwaitHeld(StoreCall::kGet, 1));
  store_->Release(StoreCall::kGet);
  done.wait();
  EXPECT_EQ(store_->calls(StoreCall::kGet), 1u);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(ReadTest, AChangedObjectIsStaleForTheHandleAndNewForANewOpen) {
  store_->PutText("f", Pattern(4 << 20, 1));
  const HandleId handle = *Open("f", kRead);
  const InodeId inode = InodeOf("f");
  ASSERT_TRUE(ReadAt(handle, 0, 100).ok());
  const std::string text = Pattern(4 << 20, 2);
  store_->PutText("f", text);
  EXPECT_EQ(ErrorOf(ReadAt(handle, 3 << 20, 100)), FsError::kStale);
  // Without waiting for anything to become old.
  EXPECT_EQ(ErrorOf(fs_->Open(inode, kRead)), FsError::kStale);
  EXPECT_NE(InodeOf("f"), inode);
  EXPECT_TRUE(*ReadFile("f") == text);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(ReadTest, AFailedFetchIsAnErrorOnceAndTriedAgain) {
  store_->PutText("f", Pattern(2 << 20));
  const HandleId handle = *Open("f", kRead);
  for (const auto& [code, error] :
       {std::pair{ErrorCode::kUnavailable, FsError::kIo},
        std::pair{ErrorCode::kPermissionDenied, FsError::kPermission},
        std::pair{ErrorCode::kDeadlineExceeded, FsError::kTimedOut},
        std::pair{ErrorCode::kDataLoss, FsError::kIo}}) {
    store_->FailNext(StoreCall::kGet, 1, code);
    EXPECT_EQ(ErrorOf(ReadAt(handle, (2 << 20) - 100, 100)), error);
  }
  EXPECT_EQ(*ReadAt(handle, (2 << 20) - 100, 100),
            Pattern(2 << 20).substr((2 << 20) - 100));
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(ReadTest, AReadOfMoreThanTwoMebibytesIsRefused) {
  store_->PutText("f", "text");
  const HandleId handle = *Open("f", kRead);
  EXPECT_EQ(ErrorOf(ReadAt(handle, 0, (2 << 20) + 1)), FsError::kInvalid);
  EXPECT_TRUE(Close(handle).ok());
}

TEST_F(ReadTest, PagesAreKeptUntilTheFileIsRewrittenHere) {
  store_->PutText("f", "text");
  const InodeId inode = InodeOf("f");
  for (int i = 0; i < 2; ++i) {
    auto open = fs_->Open(inode, kRead);
    EXPECT_TRUE(open->keep_cache);
    EXPECT_FALSE(open->direct_io);
    fs_->Release(open->handle);
  }
  auto writing = fs_->Open(inode, kTruncate);
  EXPECT_TRUE(writing->direct_io);
  // While it is written its pages must not be kept by a reader either.
  auto reading = fs_->Open(inode, kRead);
  EXPECT_TRUE(reading->direct_io);
  fs_->Release(reading->handle);
  ASSERT_TRUE(Close(writing->handle).ok());
  for (const bool keep : {false, true}) {
    auto open = fs_->Open(inode, kRead);
    EXPECT_EQ(open->keep_cache, keep);
    fs_->Release(open->handle);
  }
}

TEST_F(ReadTest, TheEndOfTheFileSystemAnswersReadsThatWait) {
  store_->PutText("f", Pattern(1000));
  const HandleId handle = *Open("f", kRead);
  store_->Hold(StoreCall::kGet);
  std::promise<std::optional<FsError>> answer;
  fs_->Read(handle, {0, 10}, [&](FsResult<ReadReply> reply) {
    answer.set_value(ErrorOf(reply));
  });
  ASSERT_TRUE(store_->AwaitHeld(StoreCall::kGet, 1));
  std::thread end([&] { fs_.reset(); });
  EXPECT_EQ(answer.get_future().get(), FsError::kIo);
  store_->Release(StoreCall::kGet);
  end.join();
}

// Many more readers than the memory has room for their windows: nobody fails
// and nobody waits for ever.
TEST_F(ReadTest, ReadersShareLittleMemory) {
  FileSystemOptions options = TestOptions();
  options.part_bytes = 2 << 20;
  options.memory_bytes_max = 1;  // The least there is: reserve and two parts.
  Mount(options);
  constexpr std::size_t kBytes = std::size_t{6} << 20;
  constexpr int kFiles = 12;
  for (int i = 0; i < kFiles; ++i) {
    store_->PutText("f" + std::to_string(i),
                    Pattern(kBytes, static_cast<unsigned>(i)));
  }
  std::vector<HandleId> handles;
  for (int i = 0; i < kFiles; ++i) {
    handles.push_back(*Open("f" + std::to_string(i), kRead));
  }
  std::vector<std::thread> readers;
  std::atomic<int> right = 0;
  for (int i = 0; i < kFiles; ++i) {
    readers.emplace_back([&, i] {
      const std::string text = Pattern(kBytes, static_cast<unsigned>(i));
      std::mt19937 random(static_cast<unsigned>(i));
      const HandleId handle = handles[static_cast<std::size_t>(i)];
      bool ok = true;
      for (int step = 0; step < 60; ++step) {
        const bool sequential = i % 2 == 0;
        const std::uint64_t offset =
            sequential ? static_cast<std::uint64_t>(step) * 100'000
                       : random() % kBytes;
        const std::uint64_t size = sequential ? 100'000 : random() % (2 << 20);
        auto read = ReadAt(handle, offset, size);
        ok = ok && read.ok() && *read == text.substr(offset, size);
      }
      right += ok;
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(right, kFiles);
  for (const HandleId handle : handles) EXPECT_TRUE(Close(handle).ok());
}

// Files that are open for writing hold memory; readers have a share of their
// own, and a writer that gets none is told so.
TEST_F(ReadTest, WritersDoNotTakeTheMemoryOfReaders) {
  FileSystemOptions options = TestOptions();
  options.memory_bytes_max = 1;
  options.request_timeout = std::chrono::milliseconds(100);
  Mount(options);
  store_->PutText("f", Pattern(3 << 20));
  std::vector<HandleId> writers;
  std::optional<FsError> refused;
  for (int i = 0; i < 64 && !refused; ++i) {
    writers.push_back(*Open("w" + std::to_string(i), kWrite));
    refused = ErrorOf(Write(writers.back(), 0, std::string(40'000, 'w')));
  }
  EXPECT_EQ(refused, FsError::kNoSpace);
  EXPECT_TRUE(*ReadFile("f") == Pattern(3 << 20));
  const HandleId failed = writers.back();
  writers.pop_back();
  EXPECT_EQ(ErrorOf(Close(failed)), FsError::kNoSpace);
  for (const HandleId writer : writers) EXPECT_TRUE(Close(writer).ok());
  EXPECT_EQ(store_->Keys().size(), 1 + writers.size());
}

}  // namespace
}  // namespace datashim::fs
