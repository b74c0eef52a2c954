// FileSystemTest: a FileSystem over a MemoryStore, used by path as a program
// would. Parts are 64 KiB, so that small files show what 8 MiB ones do.

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "fs/error_map.h"
#include "fs/file_system.h"
#include "store/testing/memory_store.h"

namespace datashim::fs {

inline constexpr std::size_t kTestPartBytes = std::size_t{64} << 10;
inline constexpr OpenFlags kRead = {.read = true};
inline constexpr OpenFlags kWrite = {.write = true};
inline constexpr OpenFlags kReadWrite = {.read = true, .write = true};
inline constexpr OpenFlags kTruncate = {.write = true, .truncate = true};
inline constexpr OpenFlags kAppend = {.write = true, .append = true};
inline constexpr OpenFlags kExclusive = {.write = true, .exclusive = true};
inline constexpr Caller kAlice = {.uid = 1000, .gid = 100};

/// `size` bytes that differ everywhere.
inline std::string Pattern(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  std::uint64_t state = seed;
  for (char& byte : text) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56);
  }
  return text;
}

inline std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// The error, or nullopt.
template <typename T>
std::optional<FsError> ErrorOf(const FsResult<T>& result) {
  if (result.ok()) return std::nullopt;
  return result.error();
}

class FileSystemTest : public ::testing::Test {
 protected:
  static FileSystemOptions TestOptions() {
    FileSystemOptions options;
    options.part_bytes = kTestPartBytes;
    options.memory_bytes_max = std::uint64_t{16} << 20;
    options.fetches_max = 4;
    options.request_timeout = std::chrono::seconds(10);
    return options;
  }

  explicit FileSystemTest(const FileSystemOptions& options = TestOptions()) {
    Mount(options);
  }

  void Mount(const FileSystemOptions& options) {
    fs_ = MakeFileSystem(store_, options, clock_);
  }

  /// The kernel's walk: a lookup of every name, never forgotten.
  FsResult<Entry> Walk(std::string_view path) {
    Entry entry;
    entry.attributes.inode = kRootInode;
    entry.attributes.type = FileType::kDirectory;
    for (const std::string_view name : Split(path, '/')) {
      if (name.empty()) continue;
      auto next = fs_->LookUp(entry.attributes.inode, name);
      if (!next.ok()) return next.failure();
      entry = *next;
    }
    return entry;
  }
  InodeId InodeOf(std::string_view path) {
    auto entry = Walk(path);
    EXPECT_TRUE(entry.ok()) << path;
    return entry.ok() ? entry->attributes.inode : 0;
  }
  /// Directory and last name of a path.
  std::pair<InodeId, std::string> PlaceOf(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    if (slash == path.npos) return {kRootInode, std::string(path)};
    return {InodeOf(path.substr(0, slash)),
            std::string(path.substr(slash + 1))};
  }

  /// open(2) with O_CREAT when there is no such file.
  FsResult<HandleId> Open(std::string_view path, OpenFlags flags) {
    auto entry = Walk(path);
    if (entry.ok() && !flags.exclusive) {
      auto open = fs_->Open(entry->attributes.inode, flags);
      if (!open.ok()) return open.failure();
      return open->handle;
    }
    if (!entry.ok() && (entry.error() != FsError::kNotFound || !flags.write)) {
      return entry.failure();
    }
    const auto [parent, name] = PlaceOf(path);
    auto made = fs_->Create(parent, name, 0644, flags, kAlice);
    if (!made.ok()) return made.failure();
    return made->open.handle;
  }
  FsStatus Write(HandleId handle, std::uint64_t offset, std::string_view text,
                 OwnerId owner = 1) {
    constexpr std::size_t kChunk = 10'000;  // Divides nothing.
    for (std::size_t at = 0; at < text.size(); at += kChunk) {
      auto written = fs_->Write(handle, offset + at,
                                AsBytes(text.substr(at, kChunk)), owner);
      if (!written.ok()) return written.failure();
    }
    return std::monostate{};
  }
  FsStatus Close(HandleId handle, OwnerId owner = 1) {
    auto flushed = fs_->Flush(handle, owner);
    fs_->Release(handle);
    return flushed;
  }
  /// `cat > path`.
  FsStatus WriteFile(std::string_view path, std::string_view text,
                     OpenFlags flags = kTruncate) {
    auto handle = Open(path, flags);
    if (!handle.ok()) return handle.failure();
    auto written = Write(*handle, 0, text);
    auto closed = Close(*handle);
    return written.ok() ? closed : written;
  }

  FsResult<std::string> ReadAt(HandleId handle, std::uint64_t offset,
                               std::uint64_t size) {
    std::promise<FsResult<std::string>> promise;
    fs_->Read(handle, {offset, size}, [&](FsResult<ReadReply> reply) {
      if (!reply.ok()) return promise.set_value(reply.failure());
      std::string text;
      for (const auto& piece : reply->pieces) {
        text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
      }
      promise.set_value(std::move(text));
    });
    return promise.get_future().get();
  }
  FsResult<std::string> ReadAll(HandleId handle, std::uint64_t step = 100'000) {
    std::string text;
    while (true) {
      auto piece = ReadAt(handle, text.size(), step);
      if (!piece.ok() || piece->empty()) {
        return piece.ok() ? FsResult<std::string>(text) : piece.failure();
      }
      text += *piece;
    }
  }
  /// `cat path`.
  FsResult<std::string> ReadFile(std::string_view path) {
    auto handle = Open(path, kRead);
    if (!handle.ok()) return handle.failure();
    auto text = ReadAll(*handle);
    auto closed = Close(*handle);
    return closed.ok() ? std::move(text) : closed.failure();
  }

  /// Names but "." and "..", directories with '/', as `ls` sorts them.
  FsResult<std::vector<std::string>> List(std::string_view path,
                                          std::size_t batch = 3) {
    auto handle = fs_->OpenDirectory(InodeOf(path));
    if (!handle.ok()) return handle.failure();
    std::vector<std::string> names;
    std::uint64_t offset = 0;
    for (std::size_t taken = 1; taken > 0;) {
      taken = 0;
      auto read = fs_->ReadDirectory(
          *handle, offset, true, [&](const DirectoryEntry& entry) {
            if (taken == batch) return false;
            ++taken;
            offset = entry.next_offset;
            if (entry.name == "." || entry.name == "..") return true;
            const Attributes& attributes = entry.entry.attributes;
            names.push_back(entry.name);
            if (attributes.type == FileType::kDirectory) names.back() += "/";
            fs_->Forget(attributes.inode, 1);
            return true;
          });
      if (!read.ok()) return read.failure();
    }
    fs_->ReleaseDirectory(*handle);
    std::sort(names.begin(), names.end());
    return names;
  }
  FsStatus MakeDirectory(std::string_view path) {
    const auto [parent, name] = PlaceOf(path);
    auto made = fs_->MakeDirectory(parent, name, 0755, kAlice);
    if (!made.ok()) return made.failure();
    return std::monostate{};
  }
  FsStatus RemoveDirectory(std::string_view path) {
    const auto [parent, name] = PlaceOf(path);
    return fs_->RemoveDirectory(parent, name);
  }
  FsStatus Unlink(std::string_view path) {
    const auto [parent, name] = PlaceOf(path);
    return fs_->Unlink(parent, name);
  }
  FsStatus Rename(std::string_view from, std::string_view to,
                  bool no_replace = false) {
    const auto [parent, name] = PlaceOf(from);
    const auto [new_parent, new_name] = PlaceOf(to);
    return fs_->Rename(parent, name, new_parent, new_name, no_replace);
  }

  /// What is known becomes too old to be used.
  void Expire() { clock_.Advance(std::chrono::hours(1)); }

  FakeClock clock_;
  std::shared_ptr<store::MemoryStore> store_ =
      std::make_shared<store::MemoryStore>(
          store::MemoryStoreOptions{.part_bytes_min = kTestPartBytes,
                                    .list_keys_max = 7,
                                    .clock = &clock_});
  std::unique_ptr<FileSystem> fs_;
};

}  // namespace datashim::fs
