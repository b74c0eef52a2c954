#include "fs/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <thread>

namespace datashim::fs {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr BufferPoolOptions kSmall = {.bytes_max = 256 * kKiB,
                                      .buffer_bytes_max = 64 * kKiB,
                                      .read_bytes_reserve = 64 * kKiB};

TEST(BufferPoolTest, TheLimitIsHard) {
  BufferPool pool(kSmall);
  std::vector<Buffer> held;
  while (auto buffer = pool.TryAllocate(64 * kKiB, BufferUse::kRead)) {
    held.push_back(std::move(*buffer));
  }
  EXPECT_EQ(held.size(), 4u);
  EXPECT_EQ(pool.bytes_used(), 256 * kKiB);
  EXPECT_FALSE(pool.TryAllocate(1, BufferUse::kRead));
  held.clear();
  EXPECT_EQ(pool.bytes_used(), 0u);
  EXPECT_TRUE(pool.TryAllocate(64 * kKiB, BufferUse::kRead));
}

TEST(BufferPoolTest, UploadsNeverGetTheReserveOfReads) {
  BufferPool pool(kSmall);
  std::vector<Buffer> held;
  while (auto buffer = pool.TryAllocate(16 * kKiB, BufferUse::kUpload)) {
    held.push_back(std::move(*buffer));
  }
  EXPECT_EQ(held.size(), 12u);
  EXPECT_TRUE(pool.TryAllocate(64 * kKiB, BufferUse::kRead));
}

TEST(BufferPoolTest, FreedHalvesJoinAgain) {
  BufferPool pool(kSmall);
  for (int round = 0; round < 3; ++round) {
    std::vector<Buffer> small;
    while (auto buffer = pool.TryAllocate(1, BufferUse::kRead)) {
      small.push_back(std::move(*buffer));
    }
    EXPECT_EQ(small.size(), 16u);
  }
  EXPECT_TRUE(pool.TryAllocate(64 * kKiB, BufferUse::kRead));
}

TEST(BufferPoolTest, WaitsForABufferThatComesBack) {
  BufferPool pool(kSmall);
  std::vector<Buffer> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(*pool.TryAllocate(64 * kKiB, BufferUse::kUpload));
  }
  EXPECT_FALSE(pool.Allocate(1, BufferUse::kUpload,
                             Deadline::After(std::chrono::milliseconds(1))));
  std::thread releaser([&] { held.pop_back(); });
  EXPECT_TRUE(pool.Allocate(64 * kKiB, BufferUse::kUpload,
                            Deadline::After(std::chrono::seconds(10))));
  releaser.join();
}

TEST(BufferPoolTest, AsksTheReclaimerBeforeItWaits) {
  BufferPool pool(kSmall);
  std::vector<Buffer> cached;
  pool.SetListeners(
      [&] {
        if (cached.empty()) return false;
        cached.pop_back();
        return true;
      },
      nullptr);
  for (int i = 0; i < 4; ++i) {
    cached.push_back(*pool.TryAllocate(64 * kKiB, BufferUse::kRead));
  }
  EXPECT_TRUE(pool.Allocate(64 * kKiB, BufferUse::kUpload, Deadline::Never()));
}

TEST(BufferPoolTest, ATrimKeepsWhatIsInUse) {
  BufferPool pool(kSmall);
  Buffer kept = *pool.TryAllocate(16 * kKiB, BufferUse::kRead);
  std::byte* freed = nullptr;
  {
    Buffer buffer = *pool.TryAllocate(64 * kKiB, BufferUse::kRead);
    freed = buffer.data();
    std::memset(freed, 1, buffer.capacity());
  }
  std::memset(kept.data(), 2, kept.capacity());
  pool.Trim();
  EXPECT_EQ(kept.data()[100], std::byte{2});
  Buffer again = *pool.TryAllocate(64 * kKiB, BufferUse::kRead);
  ASSERT_EQ(again.data(), freed);
  EXPECT_EQ(again.data()[100], std::byte{0});  // Fresh from the kernel.
}

TEST(BufferPoolTest, RandomBuffersNeverOverlap) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  BufferPool pool(kSmall);
  std::map<int, Buffer> held;
  for (int step = 0; step < 20'000; ++step) {
    const auto use = random() % 2 ? BufferUse::kRead : BufferUse::kUpload;
    if (random() % 2 == 0) {
      const std::size_t bytes = 1 + random() % (64 * kKiB);
      if (auto buffer = pool.TryAllocate(bytes, use)) {
        ASSERT_GE(buffer->capacity(), bytes);
        std::memcpy(buffer->data(), &step, sizeof step);
        std::memcpy(buffer->data() + buffer->capacity() - sizeof step, &step,
                    sizeof step);
        held[step] = std::move(*buffer);
      }
    } else if (!held.empty()) {
      const auto victim = std::next(held.begin(), random() % held.size());
      const Buffer& buffer = victim->second;
      ASSERT_EQ(std::memcmp(buffer.data(), &victim->first, sizeof step), 0);
      ASSERT_EQ(std::memcmp(buffer.data() + buffer.capacity() - sizeof step,
                            &victim->first, sizeof step),
                0);
      held.erase(victim);
    }
  }
}

}  // namespace
}  // namespace datashim::fs
