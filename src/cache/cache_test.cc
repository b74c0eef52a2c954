// A cache on a real directory, and on real disks that are full or read-only.

#include "cache/cache.h"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <string_view>

#include "base/testing/eventually.h"
#include "cache/checksum.h"
#include "sys/testing/private_mounts.h"

namespace datashim::cache {
namespace {

using datashim::testing::Eventually;

namespace stdfs = std::filesystem;
constexpr std::size_t kMib = std::size_t{1} << 20;

std::string Pattern(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  std::uint64_t state = seed;
  for (char& byte : text) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56);
  }
  return text;
}

ObjectId Id(const std::string& key, std::size_t bytes) {
  return {"http://host/bucket/", key, "\"" + key + "\"", bytes};
}

class CacheTest : public ::testing::Test {
 protected:
  CacheTest() {
    options_.directory = place_.path();
    options_.limits = {.bytes_max = 100 * kMib, .disk_free_percent_min = 0};
  }

  void Open() {
    cache_.reset();
    auto opened = Cache::Open(options_, clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    cache_ = *std::move(opened);
  }

  static bool Write(CachedObject& object, const std::string& text,
                    std::uint64_t offset, std::uint64_t size) {
    auto copy = std::make_shared<std::string>(text.substr(offset, size));
    const auto bytes = std::as_bytes(std::span(copy->data(), copy->size()));
    return object.WriteLater(offset, bytes, copy);
  }

  /// A complete object, in pieces of that size.
  std::shared_ptr<CachedObject> Fill(const std::string& key,
                                     const std::string& text,
                                     std::size_t piece = kMib) {
    auto object = cache_->FindOrStart(Id(key, text.size()));
    if (!object) return nullptr;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      EXPECT_TRUE(Eventually(
          [&] { return Write(*object, text, at, piece) || object->gone(); }));
    }
    EXPECT_TRUE(Eventually([&] { return object->whole() || object->gone(); }));
    // The cache's threads let go of it.
    EXPECT_TRUE(Eventually([&] { return object.use_count() == 1; }));
    return object;
  }

  static std::optional<std::string> Read(CachedObject& object,
                                         std::uint64_t offset,
                                         std::uint64_t size) {
    std::string text(size, '\0');
    if (!object.Read({offset, size},
                     std::as_writable_bytes(std::span(text.data(), size)))) {
      return std::nullopt;
    }
    return text;
  }

  stdfs::path Complete(const ObjectId& id) const {
    return stdfs::path(options_.directory) / "datashim-cache/complete" /
           EntryName(id);
  }
  std::size_t FilesIn(const std::string& folder) const {
    const auto path =
        stdfs::path(options_.directory) / "datashim-cache" / folder;
    return static_cast<std::size_t>(std::distance(
        stdfs::directory_iterator(path), stdfs::directory_iterator()));
  }
  static void FlipByte(const stdfs::path& path, std::size_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }

  sys::testing::TemporaryDirectory place_;
  FakeClock clock_;
  CacheOptions options_;
  std::unique_ptr<Cache> cache_;
};

TEST_F(CacheTest, AFilledObjectIsCompleteAndFoundAgain) {
  Open();
  const std::string text = Pattern(3 * kMib + 77, 1);
  EXPECT_EQ(cache_->Find(Id("a", text.size())), nullptr);
  auto object = cache_->FindOrStart(Id("a", text.size()));
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(object->filling());
  EXPECT_FALSE(Read(*object, 0, 1));
  EXPECT_EQ(object->NextGap(0), (store::ByteRange{0, text.size()}));
  // Pieces that are no blocks, in no order.
  ASSERT_TRUE(Write(*object, text, 2'000'000, text.size()));
  EXPECT_EQ(object->NextGap(0), (store::ByteRange{0, 2'000'000}));
  EXPECT_TRUE(Eventually([&] {
    return Read(*object, 2'500'000, 10) == text.substr(2'500'000, 10);
  }));
  EXPECT_FALSE(Read(*object, 1'999'999, 2));
  EXPECT_FALSE(object->whole());
  ASSERT_TRUE(Write(*object, text, 0, 500'000));
  ASSERT_TRUE(Write(*object, text, 400'000, 1'600'000));
  EXPECT_TRUE(Eventually([&] { return object->whole(); }));
  EXPECT_FALSE(object->filling());
  EXPECT_TRUE(Read(*object, 0, text.size()) == text);
  EXPECT_EQ(FilesIn("filling"), 0u);
  EXPECT_EQ(FilesIn("complete"), 2u);
  EXPECT_EQ(cache_->Find(Id("a", text.size())), object);
  object.reset();
  object = cache_->Find(Id("a", text.size()));
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(object->whole());
  std::string bytes(text.size(), '\0');
  EXPECT_EQ(::pread(object->fd(), bytes.data(), bytes.size(), 0),
            static_cast<ssize_t>(text.size()));
  EXPECT_TRUE(bytes == text);
}

TEST_F(CacheTest, AnotherVersionIsAnotherObject) {
  Open();
  ASSERT_NE(Fill("a", Pattern(kMib, 1)), nullptr);
  ObjectId other = Id("a", kMib);
  other.etag = "\"new\"";
  EXPECT_EQ(cache_->Find(other), nullptr);
  other = Id("a", kMib);
  other.origin = "http://other/bucket/";
  EXPECT_EQ(cache_->Find(other), nullptr);
}

TEST_F(CacheTest, AFileUnderTheNameOfAnotherObjectIsNotServed) {
  Open();
  ASSERT_NE(Fill("a", Pattern(kMib, 1)), nullptr);
  ASSERT_NE(Fill("b", Pattern(kMib, 2)), nullptr);
  for (const char* suffix : {"", ".sums"}) {
    stdfs::rename(Complete(Id("a", kMib)) += suffix,
                  Complete(Id("b", kMib)) += suffix);
  }
  Open();
  EXPECT_EQ(cache_->Find(Id("b", kMib)), nullptr);
}

TEST_F(CacheTest, SmallAndNamelessObjectsAreNotKept) {
  Open();
  EXPECT_EQ(cache_->FindOrStart(Id("small", options_.object_bytes_min - 1)),
            nullptr);
  ObjectId nameless = Id("a", kMib);
  nameless.etag.clear();
  EXPECT_EQ(cache_->FindOrStart(nameless), nullptr);
}

TEST_F(CacheTest, SurvivesARestart) {
  const std::string text = Pattern(2 * kMib + 5, 1);
  Open();
  ASSERT_NE(Fill("a", text), nullptr);
  Open();
  EXPECT_EQ(cache_->bytes_used(), text.size());
  auto object = cache_->Find(Id("a", text.size()));
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(Read(*object, 100, text.size() - 100) == text.substr(100));
  object->VerifyLater();
  EXPECT_TRUE(Eventually([&] { return object->whole(); }));
}

TEST_F(CacheTest, WhatWasDamagedMeanwhileIsNeverServed) {
  const std::string text = Pattern(2 * kMib + 5, 1);
  const auto id = [&](const std::string& key) { return Id(key, text.size()); };
  Open();
  for (const char* key : {"first", "last", "short", "sums", "alone"}) {
    ASSERT_NE(Fill(key, text), nullptr);
  }
  cache_.reset();
  FlipByte(Complete(id("first")), 0);
  FlipByte(Complete(id("last")), text.size() - 1);
  stdfs::resize_file(Complete(id("short")), text.size() - 1);
  FlipByte(Complete(id("sums")) += ".sums", 60);
  stdfs::remove(Complete(id("alone")) += ".sums");
  Open();
  for (const char* key : {"short", "sums", "alone"}) {
    EXPECT_EQ(cache_->Find(id(key)), nullptr) << key;
    EXPECT_FALSE(stdfs::exists(Complete(id(key)))) << key;
  }
  for (const char* key : {"first", "last"}) {
    // Unless the scrubber was faster.
    if (const auto object = cache_->Find(id(key))) {
      EXPECT_FALSE(Read(*object, 0, text.size())) << key;
      EXPECT_TRUE(object->gone());
      EXPECT_FALSE(object->whole());
    }
    EXPECT_EQ(cache_->Find(id(key)), nullptr) << key;
    EXPECT_TRUE(Eventually([&] { return !stdfs::exists(Complete(id(key))); }));
  }
  EXPECT_EQ(cache_->bytes_used(), 0u);
  // And may be kept anew.
  EXPECT_TRUE(Fill("first", text)->whole());
}

TEST_F(CacheTest, TheScrubberFindsDamageOfAVerifiedFile) {
  Open();
  ASSERT_NE(Fill("a", Pattern(2 * kMib, 1)), nullptr);
  const auto id = Id("a", 2 * kMib);
  FlipByte(Complete(id), kMib + 3);
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(options_.scrub_interval);
    return cache_->Find(id) == nullptr;
  }));
  EXPECT_TRUE(Eventually([&] { return !stdfs::exists(Complete(id)); }));
}

TEST_F(CacheTest, NothingOfAFillSurvivesACrash) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  ::setenv("DATASHIM_TEST_DIRECTORY", place_.path().c_str(), 0);
  options_.directory = ::getenv("DATASHIM_TEST_DIRECTORY");
  EXPECT_EXIT(
      {
        Open();
        (void)Fill("whole", Pattern(kMib, 2));
        const std::string text = Pattern(2 * kMib, 1);
        const auto object = cache_->FindOrStart(Id("half", text.size()));
        (void)Write(*object, text, 0, kMib);
        (void)Eventually([&] { return Read(*object, 0, kMib).has_value(); });
        ::_exit(FilesIn("filling") == 1 ? 3 : 4);
      },
      ::testing::ExitedWithCode(3), "");
  EXPECT_EQ(FilesIn("filling"), 1u);
  Open();
  ::unsetenv("DATASHIM_TEST_DIRECTORY");
  EXPECT_EQ(FilesIn("filling"), 0u);
  EXPECT_EQ(cache_->Find(Id("half", 2 * kMib)), nullptr);
  EXPECT_NE(cache_->Find(Id("whole", kMib)), nullptr);
  EXPECT_EQ(cache_->bytes_used(), kMib);
}

TEST_F(CacheTest, AFillThatIsGivenUpLeavesNothing) {
  Open();
  const std::string text = Pattern(2 * kMib, 1);
  auto object = cache_->FindOrStart(Id("a", text.size()));
  ASSERT_TRUE(Write(*object, text, 0, kMib));
  EXPECT_TRUE(Eventually([&] { return Read(*object, 0, kMib).has_value(); }));
  EXPECT_EQ(FilesIn("filling"), 1u);
  object.reset();
  EXPECT_TRUE(Eventually([&] { return cache_->bytes_used() == 0; }));
  EXPECT_TRUE(Eventually([&] { return FilesIn("filling") == 0; }));
}

TEST_F(CacheTest, TheQuotaIsHard) {
  options_.limits.bytes_max = 5 * kMib;
  Open();
  EXPECT_EQ(cache_->FindOrStart(Id("too-large", 5 * kMib + 1)), nullptr);
  auto kept = Fill("kept", Pattern(2 * kMib, 1));
  ASSERT_NE(Fill("b", Pattern(2 * kMib, 2)), nullptr);
  ASSERT_NE(Fill("c", Pattern(2 * kMib, 3)),
            nullptr);  // Evicts b: kept is open.
  EXPECT_LE(cache_->bytes_used(), 5 * kMib);
  EXPECT_EQ(cache_->Find(Id("b", 2 * kMib)), nullptr);
  EXPECT_EQ(cache_->Find(Id("kept", 2 * kMib)), kept);
  EXPECT_FALSE(stdfs::exists(Complete(Id("b", 2 * kMib))));
  // All in use: nothing new is kept, and nothing is taken away.
  auto c = cache_->Find(Id("c", 2 * kMib));
  EXPECT_EQ(cache_->FindOrStart(Id("d", 2 * kMib)), nullptr);
  EXPECT_TRUE(Read(*kept, 0, 2 * kMib) == Pattern(2 * kMib, 1));
  kept.reset();
  EXPECT_NE(cache_->FindOrStart(Id("d", 2 * kMib)), nullptr);
}

TEST_F(CacheTest, TheOrderOfEvictionSurvivesARestart) {
  options_.limits.bytes_max = 5 * kMib;
  Open();
  ASSERT_NE(Fill("a", Pattern(2 * kMib, 1)), nullptr);
  ASSERT_NE(Fill("b", Pattern(2 * kMib, 2)), nullptr);
  // Until the clock of the file system has ticked.
  const auto used_at = [&](const std::string& key) {
    return stdfs::last_write_time(Complete(Id(key, 2 * kMib)) += ".sums");
  };
  ASSERT_TRUE(Eventually([&] {
    return cache_->Find(Id("a", 2 * kMib)) && used_at("a") > used_at("b");
  }));
  Open();
  ASSERT_NE(Fill("c", Pattern(2 * kMib, 3)), nullptr);
  EXPECT_EQ(cache_->Find(Id("b", 2 * kMib)), nullptr);
  EXPECT_NE(cache_->Find(Id("a", 2 * kMib)), nullptr);
}

TEST_F(CacheTest, ASmallerQuotaIsKeptAfterARestart) {
  Open();
  for (const char* key : {"a", "b", "c"}) {
    ASSERT_NE(Fill(key, Pattern(2 * kMib, 1)), nullptr);
  }
  options_.limits.bytes_max = 5 * kMib;
  Open();
  EXPECT_TRUE(Eventually([&] { return cache_->bytes_used() == 4 * kMib; }));
}

TEST_F(CacheTest, AQueueThatIsFullRefuses) {
  options_.write_queue_bytes_max = 2 * kMib;
  Open();
  const std::string text = Pattern(3 * kMib, 1);
  auto object = cache_->FindOrStart(Id("a", text.size()));
  EXPECT_FALSE(cache_->HasWriteRoom(text.size()));
  EXPECT_FALSE(Write(*object, text, 0, text.size()));
  EXPECT_EQ(object->NextGap(0), (store::ByteRange{0, text.size()}));
  EXPECT_TRUE(cache_->HasWriteRoom(2 * kMib));
  object.reset();
  EXPECT_TRUE(Fill("a", text)->whole());
}

TEST_F(CacheTest, ADirectoryHasOneProcess) {
  Open();
  const auto second = Cache::Open(options_, clock_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(second.error().message, ::testing::HasSubstr(place_.path()));
  options_.directory += "/missing";
  EXPECT_EQ(Cache::Open(options_, clock_).error().code, ErrorCode::kNotFound);
}

TEST_F(CacheTest, ADirectoryThatOthersMayWriteToIsNotTrusted) {
  const stdfs::path root = stdfs::path(place_.path()) / "datashim-cache";
  stdfs::create_directory(root);
  stdfs::permissions(root, stdfs::perms::others_write,
                     stdfs::perm_options::add);
  EXPECT_EQ(Cache::Open(options_, clock_).error().code,
            ErrorCode::kPermissionDenied);
  stdfs::permissions(root, stdfs::perms::owner_all);
  EXPECT_TRUE(Cache::Open(options_, clock_).ok());
}

TEST_F(CacheTest, FilesOfOthersAreLeftAlone) {
  std::ofstream(place_.path() + "/other") << "x";
  Open();
  cache_.reset();
  EXPECT_TRUE(stdfs::exists(place_.path() + "/other"));
}

/// On a disk of its own, of 8 MiB.
class CacheDiskTest : public CacheTest {
 protected:
  void SetUp() override {
    if (!sys::testing::EnterPrivateMounts()) GTEST_SKIP() << "needs root";
    MountDisk(0);
    Open();
  }
  void TearDown() override {
    cache_.reset();
    ::umount2(place_.path().c_str(), MNT_DETACH);
  }
  void MountDisk(unsigned long flags) {
    ASSERT_EQ(::mount("disk", place_.path().c_str(), "tmpfs", flags,
                      "size=8m,nr_inodes=40"),
              0);
  }
};

TEST_F(CacheDiskTest, AFullDiskIsNoErrorAndSaidOnce) {
  // Room for bytes, but none for another file.
  int others = 0;
  while (std::ofstream(place_.path() + "/" + std::to_string(others)).put('x')) {
    ++others;
  }
  ::testing::internal::CaptureStderr();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(cache_->FindOrStart(Id("a", kMib)), nullptr);
    // For a while nothing new is tried.
    EXPECT_EQ(cache_->FindOrStart(Id("b", kMib)), nullptr);
    clock_.Advance(options_.retry_after);
  }
  const std::string log = ::testing::internal::GetCapturedStderr();
  const std::string line = "reads go on without it";
  const std::size_t first = log.find(line);
  ASSERT_NE(first, log.npos) << log;
  EXPECT_EQ(log.find(line, first + 1), log.npos) << log;
  EXPECT_EQ(cache_->bytes_used(), 0u);
  EXPECT_EQ(FilesIn("filling"), 0u);
  EXPECT_TRUE(cache_->failure());
  for (int i = 0; i < others; ++i) {
    stdfs::remove(place_.path() + "/" + std::to_string(i));
  }
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(options_.retry_after);
    return !cache_->failure();
  }));
  const auto filled = Fill("a", Pattern(kMib, 1));
  ASSERT_NE(filled, nullptr);
  EXPECT_TRUE(filled->whole());
}

TEST_F(CacheDiskTest, ADiskThatIsFullOrWorksAgainIsNoticedWithoutReaders) {
  options_.limits.disk_free_percent_min = 50;
  Open();
  ASSERT_NE(Fill("a", Pattern(kMib, 1)), nullptr);
  EXPECT_FALSE(cache_->failure());
  std::ofstream(place_.path() + "/other") << std::string(5 * kMib, 'x');
  const auto fails = [&] {
    clock_.Advance(std::chrono::minutes(1));
    return cache_->failure().has_value();
  };
  EXPECT_TRUE(Eventually(fails));
  EXPECT_EQ(cache_->failure()->code, ErrorCode::kResourceExhausted);
  stdfs::remove(place_.path() + "/other");
  EXPECT_TRUE(Eventually([&] { return !fails(); }));
}

// Space is reserved before the next one asks what the disk has left.
TEST_F(CacheDiskTest, ManyFillsAtOnceKeepTheShareOfTheDisk) {
  options_.limits.disk_free_percent_min = 50;
  Open();
  std::vector<std::shared_ptr<CachedObject>> started;
  for (int i = 0; i < 5; ++i) {
    auto object = cache_->FindOrStart(Id(std::to_string(i), kMib + kMib / 2));
    if (object) started.push_back(std::move(object));
  }
  EXPECT_EQ(started.size(), 2u);
}

TEST_F(CacheDiskTest, TheShareOfTheDiskIsKept) {
  options_.limits.disk_free_percent_min = 50;
  Open();
  ASSERT_NE(Fill("a", Pattern(2 * kMib, 1)), nullptr);
  EXPECT_EQ(cache_->FindOrStart(Id("b", 5 * kMib)), nullptr);
  // Another program takes the rest.
  std::ofstream(place_.path() + "/other") << std::string(4 * kMib, 'x');
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(std::chrono::minutes(1));
    return cache_->bytes_used() == 0;
  }));
}

TEST_F(CacheDiskTest, AReadOnlyDiskStillServesWhatItHas) {
  const std::string text = Pattern(kMib, 1);
  ASSERT_TRUE(Fill("a", text)->whole());
  // As soon as the file that was filled is closed.
  ASSERT_TRUE(Eventually([&] {
    return ::mount(nullptr, place_.path().c_str(), nullptr,
                   MS_REMOUNT | MS_RDONLY | MS_BIND, nullptr) == 0;
  }));
  EXPECT_EQ(cache_->FindOrStart(Id("b", kMib)), nullptr);
  EXPECT_TRUE(cache_->failure());
  const auto object = cache_->Find(Id("a", kMib));
  ASSERT_NE(object, nullptr);
  EXPECT_TRUE(Read(*object, 0, kMib) == text);
  ASSERT_EQ(::mount(nullptr, place_.path().c_str(), nullptr,
                    MS_REMOUNT | MS_BIND, nullptr),
            0);
  EXPECT_TRUE(Eventually([&] {
    clock_.Advance(std::chrono::minutes(1));
    return !cache_->failure();
  }));
}

}  // namespace
}  // namespace datashim::cache
