// File systems that share their memory: none of them stops another.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "fs/buffer_pool.h"
#include "fs/testing/file_system_fixture.h"

namespace datashim::fs {
namespace {

using store::StoreCall;

constexpr std::size_t kMib = std::size_t{1} << 20;

/// Two with the least memory there can be, over stores of their own.
class SharedMemoryTest : public FileSystemTest {
 protected:
  static FileSystemOptions Options(std::shared_ptr<BufferPool> memory) {
    FileSystemOptions options = TestOptions();
    options.memory_bytes_max = 0;
    options.memory = std::move(memory);
    return options;
  }

  SharedMemoryTest() : memory_(MakeMemory(Options(nullptr))) {
    fs_.reset();
    fs_ = MakeFileSystem(store_, Options(memory_), clock_);
    other_fs_ = MakeFileSystem(other_store_, Options(memory_), clock_);
  }

  static InodeId InodeIn(FileSystem& file_system, const std::string& name) {
    return file_system.LookUp(kRootInode, name)->attributes.inode;
  }
  /// The whole file in pieces of 1 MiB, as the kernel asks.
  static FsResult<std::string> ReadIn(FileSystem& file_system,
                                      const std::string& name) {
    const auto open = file_system.Open(InodeIn(file_system, name), kRead);
    if (!open.ok()) return open.failure();
    std::string text;
    while (true) {
      auto piece = ReadPiece(file_system, open->handle, text.size());
      if (!piece.ok()) return piece;
      if (piece->empty()) break;
      text += *piece;
    }
    file_system.Release(open->handle);
    return text;
  }
  static FsResult<std::string> ReadPiece(FileSystem& file_system,
                                         HandleId handle,
                                         std::uint64_t offset) {
    std::promise<FsResult<std::string>> promise;
    file_system.Read(handle, {offset, kMib}, [&](FsResult<ReadReply> reply) {
      if (!reply.ok()) return promise.set_value(reply.failure());
      std::string text;
      for (const auto& piece : reply->pieces) {
        text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      }
      reply->owner.reset();
      promise.set_value(std::move(text));
    });
    return promise.get_future().get();
  }

  const std::shared_ptr<BufferPool> memory_;
  const std::shared_ptr<store::MemoryStore> other_store_ =
      std::make_shared<store::MemoryStore>(
          store::MemoryStoreOptions{.part_bytes_min = kTestPartBytes,
                                    .list_keys_max = 7,
                                    .clock = &clock_});
  std::unique_ptr<FileSystem> other_fs_;
};

TEST_F(SharedMemoryTest, ReadersOfAllGoOn) {
  constexpr std::size_t kFiles = 4;
  for (std::size_t i = 0; i < kFiles; ++i) {
    store_->PutText("f" + std::to_string(i),
                    Pattern(6 * kMib, static_cast<unsigned>(i) + 1));
    other_store_->PutText("f" + std::to_string(i),
                          Pattern(6 * kMib, static_cast<unsigned>(i) + 11));
  }
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (std::size_t i = 0; i < 2 * kFiles; ++i) {
    readers.emplace_back([&, i] {
      const bool other = i >= kFiles;
      const std::size_t file = i % kFiles;
      const auto text =
          ReadIn(other ? *other_fs_ : *fs_, "f" + std::to_string(file));
      const auto seed = static_cast<unsigned>(file) + (other ? 11 : 1);
      wrong += !text.ok() || *text != Pattern(6 * kMib, seed);
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  fs_.reset();
  other_fs_.reset();
  EXPECT_EQ(memory_->bytes_used(), 0u);
}

TEST_F(SharedMemoryTest, WhatOneKeepsIsTheOthersWhenItIsNeeded) {
  store_->PutText("f", Pattern(40 * kMib, 1));
  other_store_->PutText("f", Pattern(3 * kMib, 2));
  // Reads here and there, and leaves the file open.
  const auto open = fs_->Open(InodeIn(*fs_, "f"), kRead);
  for (std::uint64_t at = 39; at > 0; at -= 3) {
    ASSERT_TRUE(ReadPiece(*fs_, open->handle, at * kMib).ok());
  }
  EXPECT_GT(memory_->bytes_used(), 8 * kMib - kTestPartBytes) << "all of it";
  EXPECT_TRUE(*ReadIn(*other_fs_, "f") == Pattern(3 * kMib, 2));
  fs_->Release(open->handle);
}

TEST_F(SharedMemoryTest, AStoreThatHangsStopsItsOwnReadersOnly) {
  store_->PutText("f", Pattern(20 * kMib, 1));
  other_store_->PutText("f", Pattern(20 * kMib, 2));
  const InodeId inode = InodeIn(*fs_, "f");
  std::mutex mutex;
  std::condition_variable changed;
  bool answers = false;
  store_->SetHook([&](StoreCall call, const std::string&) -> Status {
    if (call != StoreCall::kGet) return OkStatus();
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return answers; });
    return OkStatus();
  });
  std::vector<std::thread> stuck;
  std::vector<HandleId> handles;
  for (std::uint64_t i = 0; i < 8; ++i) {
    handles.push_back(fs_->Open(inode, kRead)->handle);
    stuck.emplace_back([&, handle = handles.back(), i] {
      EXPECT_TRUE(ReadPiece(*fs_, handle, 2 * i * kMib).ok());
    });
  }
  EXPECT_TRUE(*ReadIn(*other_fs_, "f") == Pattern(20 * kMib, 2));
  {
    const std::lock_guard lock(mutex);
    answers = true;
  }
  changed.notify_all();
  for (std::thread& thread : stuck) thread.join();
  for (const HandleId handle : handles) fs_->Release(handle);
}

TEST_F(SharedMemoryTest, WritersOfOneLeaveMemoryToThoseOfAnother) {
  FileSystemOptions options = TestOptions();
  options.request_timeout = std::chrono::seconds(1);
  options.memory = MakeMemory(options);
  fs_ = MakeFileSystem(store_, options, clock_);
  other_fs_ = MakeFileSystem(other_store_, options, clock_);
  // Files that stay open with a buffer each, until there is no other.
  const std::string part = Pattern(kTestPartBytes);
  const auto write = [&](FileSystem& file_system, const std::string& name,
                         std::vector<HandleId>& handles) {
    const auto made =
        file_system.Create(kRootInode, name, 0644, kTruncate, kAlice);
    handles.push_back(made->open.handle);
    return file_system.Write(made->open.handle, 0, AsBytes(part), 1).ok();
  };
  std::vector<HandleId> held;
  while (write(*fs_, "w" + std::to_string(held.size()), held)) {
  }
  EXPECT_GT(held.size(), 16u);
  std::vector<HandleId> others;
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(write(*other_fs_, "w" + std::to_string(i), others));
  }
  for (const HandleId handle : held) fs_->Release(handle);
  for (const HandleId handle : others) {
    EXPECT_TRUE(other_fs_->Flush(handle, 1).ok());
    other_fs_->Release(handle);
  }
  EXPECT_TRUE(*ReadIn(*other_fs_, "w0") == part);
}

}  // namespace
}  // namespace datashim::fs
