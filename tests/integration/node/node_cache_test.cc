// The cache that all volumes of a node share, and that the kernel reads by
// itself.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "base/testing/eventually.h"
#include "node_fixture.h"
#include "sys/unique_fd.h"

namespace datashim::integration {
namespace {

using datashim::testing::Eventually;
using ::testing::HasSubstr;

constexpr std::size_t kMib = std::size_t{1} << 20;
constexpr char kOtherVolume[] = "vol-2";

std::string Pattern(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  std::uint64_t state = seed;
  for (char& byte : text) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56);
  }
  return text;
}

/// Of an open file; nullopt if it cannot be read, or not all of it.
std::optional<std::string> ReadOpen(const sys::UniqueFd& file,
                                    std::size_t size) {
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::pread(file.get(), text.data() + done, size - done,
                                static_cast<off_t>(done));
    if (got <= 0) return std::nullopt;
    done += static_cast<std::size_t>(got);
  }
  return text;
}

class NodeCacheTest : public NodeTest {
 protected:
  void SetUp() override {
    cache_settings_.directory = cache_;
    cache_settings_.disk_free_percent_min = 0;
    NodeTest::SetUp();
    if (IsSkipped()) return;
    std::filesystem::create_directories(other_staging_);
    std::filesystem::create_directories(
        std::filesystem::path(Pod("other")).parent_path());
  }
  void TearDown() override {
    if (keeper_process_ != nullptr) {
      EXPECT_TRUE(host_->Unpublish(kOtherVolume, Pod("other")).ok());
      EXPECT_TRUE(host_->Unstage(kOtherVolume, other_staging_).ok());
    }
    NodeTest::TearDown();
  }

  Status StageOther(const dataset::VolumeConfig& config) {
    DS_RETURN_IF_ERROR(host_->Stage(
        {kOtherVolume, other_staging_, false, config.ToSecretData()}));
    return host_->Publish({kOtherVolume, other_staging_, Pod("other"), false,
                           config.ToSecretData()});
  }

  std::size_t CompleteFiles() const {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(
             cache_ + "/datashim-cache/complete")) {
      count += file.path().extension() != ".sums";
    }
    return count;
  }
  /// Reads it until the disk has it.
  void Fill(const std::string& path, const std::string& text) {
    const std::size_t before = CompleteFiles();
    ASSERT_TRUE(Read(path) == text);
    ASSERT_TRUE(Eventually([&] { return CompleteFiles() > before; }));
  }
  static sys::UniqueFd Open(const std::string& path) {
    return sys::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }

  const std::string other_staging_ = directory_.path() + "/kubelet/staging/b";
};

TEST_F(NodeCacheTest, OpenFilesAreReadWhileNoNodeProcessRuns) {
  Bucket bucket("warm");
  const std::string text = Pattern(5 * kMib + 17, 1);
  bucket.Put("model", text);
  EXPECT_OK(Stage(ConfigOf(bucket.name())));
  EXPECT_OK(Publish("a", ConfigOf(bucket.name())));
  Fill(Pod("a") + "/model", text);
  const sys::UniqueFd open = Open(Pod("a") + "/model");
  ASSERT_TRUE(open);
  void* const mapped =
      ::mmap(nullptr, text.size(), PROT_READ, MAP_SHARED, open.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);

  StopHost();
  EXPECT_TRUE(ReadOpen(open, text.size()) == text);
  EXPECT_EQ(std::memcmp(mapped, text.data(), text.size()), 0);
  EXPECT_EQ(::munmap(mapped, text.size()), 0);

  StartHost();
  EXPECT_OK(host_->EndFormerMounts(Soon()));
  EXPECT_TRUE(ReadOpen(open, text.size()) == text);
  // The next process takes the copies over, and hands them to the kernel anew.
  EXPECT_OK(Publish("a", ConfigOf(bucket.name())));
  EXPECT_TRUE(Read(Pod("a") + "/model") == text) << "every byte is verified";
  EXPECT_EQ(CompleteFiles(), 1u);
  const sys::UniqueFd again = Open(Pod("a") + "/model");
  ASSERT_TRUE(again);
  StopHost();
  EXPECT_TRUE(ReadOpen(again, text.size()) == text);
  EXPECT_TRUE(ReadOpen(open, text.size()) == text);
  StartHost();
  EXPECT_OK(host_->EndFormerMounts(Soon()));
}

TEST_F(NodeCacheTest, RevokedKeysLeaveWhatIsOpenAndComeBack) {
  Bucket bucket("revoked");
  const std::string text = Pattern(2 * kMib, 3);
  bucket.Put("model", text);
  const dataset::VolumeConfig good = ConfigOf(bucket.name());
  EXPECT_OK(Stage(good));
  EXPECT_OK(Publish("a", good));
  Fill(Pod("a") + "/model", text);
  const sys::UniqueFd open = Open(Pod("a") + "/model");
  ASSERT_TRUE(open);
  dataset::VolumeConfig revoked = good;
  revoked.secret_access_key = SecretString("no-key-of-this-server");
  EXPECT_OK(Publish("a", revoked));
  EXPECT_EQ(StatErrno(Pod("a") + "/never-asked"), EACCES);
  EXPECT_TRUE(ReadOpen(open, text.size()) == text);
  EXPECT_OK(Publish("a", good));
  EXPECT_EQ(StatErrno(Pod("a") + "/never-asked-2"), ENOENT);
  EXPECT_TRUE(Read(Pod("a") + "/model") == text);
}

TEST_F(NodeCacheTest, AKeeperThatRestartsHandsOverFilesAsBefore) {
  Bucket bucket("keeper-restart");
  const std::string text = Pattern(2 * kMib, 2);
  bucket.Put("model", text);
  EXPECT_OK(Stage(ConfigOf(bucket.name())));
  EXPECT_OK(Publish("a", ConfigOf(bucket.name())));
  Fill(Pod("a") + "/model", text);
  const sys::UniqueFd before = Open(Pod("a") + "/model");
  ASSERT_TRUE(before);
  keeper_process_.reset();
  EXPECT_TRUE(ReadOpen(before, text.size()) == text);
  StartKeeper();
  EXPECT_OK(client_->MakeDirectory(mounts_, Soon()));  // It is there again.
  bucket.Put("late", text);
  Fill(Pod("a") + "/late", text);
  const sys::UniqueFd late = Open(Pod("a") + "/late");
  ASSERT_TRUE(late);
  StopHost();
  EXPECT_TRUE(ReadOpen(before, text.size()) == text);
  EXPECT_TRUE(ReadOpen(late, text.size()) == text);
  StartHost();
  EXPECT_OK(host_->EndFormerMounts(Soon()));
}

TEST_F(NodeCacheTest, AnotherVolumeReadsWhatOneHasBrought) {
  Bucket bucket("shared");
  const std::string text = Pattern(3 * kMib, 3);
  bucket.Put("model", text);
  EXPECT_OK(Stage(ConfigOf(bucket.name())));
  EXPECT_OK(Publish("a", ConfigOf(bucket.name())));
  Fill(Pod("a") + "/model", text);
  EXPECT_OK(StageOther(ConfigOf(bucket.name())));
  const sys::UniqueFd open = Open(Pod("other") + "/model");
  ASSERT_TRUE(open);
  EXPECT_EQ(CompleteFiles(), 1u);
  // Its very first open is the kernel's to read: nothing was fetched for it.
  StopHost();
  EXPECT_TRUE(ReadOpen(open, text.size()) == text);
  StartHost();
  EXPECT_OK(host_->EndFormerMounts(Soon()));
}

TEST_F(NodeCacheTest, AVolumeGetsNothingThatItsOwnKeysMayNotRead) {
  Bucket bucket("private");
  const std::string text = Pattern(2 * kMib, 4);
  bucket.Put("model", text);
  EXPECT_OK(Stage(ConfigOf(bucket.name())));
  EXPECT_OK(Publish("a", ConfigOf(bucket.name())));
  Fill(Pod("a") + "/model", text);
  // The other volume may list the bucket and read nothing.
  EXPECT_OK(Server().AllowWithoutKeys(
      bucket.name(), {"s3:ListBucket", "s3:GetBucketLocation"}));
  dataset::VolumeConfig other = ConfigOf(bucket.name());
  other.access_key_id = other.secret_access_key = SecretString();
  other.files.metadata_ttl = std::chrono::seconds(60);  // Of the listing.
  EXPECT_OK(StageOther(other));
  const std::string path = Pod("other") + "/model";
  std::size_t listed = 0;
  for (const auto& file : std::filesystem::directory_iterator(Pod("other"))) {
    ++listed;
    EXPECT_EQ(file.file_size(), text.size());
  }
  EXPECT_EQ(listed, 1u);
  const sys::UniqueFd refused = Open(path);
  ASSERT_TRUE(refused) << errno;
  std::string piece(65'536, '\0');
  for (int round = 0; round < 20; ++round) {
    for (std::size_t at = 0; at < text.size(); at += piece.size()) {
      ASSERT_EQ(::pread(refused.get(), piece.data(), piece.size(),
                        static_cast<off_t>(at)),
                -1)
          << round;
      ASSERT_EQ(errno, EACCES);
    }
  }
  // Whoever may read it now finds the copy.
  EXPECT_OK(Server().AllowWithoutKeys(
      bucket.name(),
      {"s3:ListBucket", "s3:GetBucketLocation", "s3:GetObject"}));
  const sys::UniqueFd allowed = Open(path);
  ASSERT_TRUE(allowed) << errno;
  EXPECT_TRUE(ReadOpen(allowed, text.size()) == text);
  EXPECT_EQ(CompleteFiles(), 1u);
}

TEST_F(NodeCacheTest, WithoutPassthroughFilesAreReadByUs) {
  // The keeper knows another directory.
  cache_settings_.directory = directory_.path() + "/elsewhere";
  StartHost();
  Bucket bucket("elsewhere");
  const std::string text = Pattern(2 * kMib, 5);
  bucket.Put("model", text);
  EXPECT_OK(Stage(ConfigOf(bucket.name())));
  EXPECT_OK(Publish("a", ConfigOf(bucket.name())));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(Read(Pod("a") + "/model") == text);
  }
  EXPECT_OK(host_->Unpublish(kVolume, Pod("a")));
  EXPECT_OK(host_->Unstage(kVolume, staging_));
  cache_settings_.read_mode = node::ReadMode::kPassthrough;
  StartHost();
  const Status staged = Stage(ConfigOf(bucket.name()));
  ASSERT_FALSE(staged.ok());
  EXPECT_THAT(staged.error().message, HasSubstr("--read-mode passthrough"));
  EXPECT_THAT(Mounts(), ::testing::IsEmpty());
}

TEST_F(NodeCacheTest, ADiskThatCannotBeUsedIsSaidAndTriedAgain) {
  std::filesystem::remove_all(cache_ + "/datashim-cache");
  StopHost();
  std::filesystem::remove_all(cache_ + "/datashim-cache");
  std::ofstream(cache_ + "/datashim-cache") << "in the way";
  StartHost();
  Bucket bucket("broken-disk");
  const std::string text = Pattern(kMib, 6);
  bucket.Put("model", text);
  EXPECT_OK(host_->Ready());
  EXPECT_OK(Stage(ConfigOf(bucket.name())));
  EXPECT_OK(Publish("a", ConfigOf(bucket.name())));
  EXPECT_TRUE(Read(Pod("a") + "/model") == text);
  const auto stats = host_->Stats(kVolume, Pod("a"));
  ASSERT_TRUE(stats.ok());
  EXPECT_FALSE(stats->healthy);
  EXPECT_THAT(stats->message, HasSubstr(cache_));

  std::filesystem::remove(cache_ + "/datashim-cache");
  EXPECT_OK(StageOther(ConfigOf(bucket.name())));
  EXPECT_TRUE(host_->Stats(kVolume, Pod("a"))->healthy);
  Fill(Pod("other") + "/model", text);
}

}  // namespace
}  // namespace datashim::integration
