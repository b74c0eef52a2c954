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
  BufferShare pool(std::make_shared<BufferPool>(kSmall));
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
  BufferShare pool(std::make_shared<BufferPool>(kSmall));
  std::vector<Buffer> held;
  while (auto buffer = pool.TryAllocate(16 * kKiB, BufferUse::kUpload)) {
    held.push_back(std::move(*buffer));
  }
  EXPECT_EQ(held.size(), 12u);
  EXPECT_TRUE(pool.TryAllocate(64 * kKiB, BufferUse::kRead));
}

TEST(BufferPoolTest, FreedHalvesJoinAgain) {
  BufferShare pool(std::make_shared<BufferPool>(kSmall));
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
  BufferShare pool(std::make_shared<BufferPool>(kSmall));
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
  BufferShare pool(std::make_shared<BufferPool>(kSmall));
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
  BufferShare pool(std::make_shared<BufferPool>(kSmall));
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

class BufferShareTest : public ::testing::Test {
 protected:
  using Buffers = std::vector<Buffer>;

  static Buffers TakeAll(BufferShare& share, BufferUse use) {
    Buffers held;
    while (auto buffer = share.TryAllocate(16 * kKiB, use)) {
      held.push_back(std::move(*buffer));
    }
    return held;
  }
  /// Its buffers are idle: anybody may have them.
  static void LetReclaim(BufferShare& share, Buffers& cached) {
    share.SetListeners(
        [&cached] {
          if (cached.empty()) return false;
          cached.pop_back();
          return true;
        },
        nullptr);
  }

  const std::shared_ptr<BufferPool> pool_ =
      std::make_shared<BufferPool>(kSmall);
  BufferShare first_{pool_};
  BufferShare second_{pool_};
};

TEST_F(BufferShareTest, WhoComesFirstLeavesMemoryForTheNext) {
  for (const BufferUse use : {BufferUse::kReadAhead, BufferUse::kUpload}) {
    const std::size_t all = use == BufferUse::kUpload ? 12 : 16;
    const Buffers held = TakeAll(first_, use);
    EXPECT_EQ(held.size(), all * 2 / 3);
    const Buffers next = TakeAll(second_, use);
    EXPECT_GE(next.size(), all / 4 - 1);
  }
  EXPECT_EQ(pool_->bytes_used(), 0u);
}

TEST_F(BufferShareTest, WhoIsWaitedForGetsWhatThereIs) {
  Buffers held = TakeAll(first_, BufferUse::kRead);
  EXPECT_EQ(held.size(), 16u) << "all of the memory";
  EXPECT_FALSE(second_.TryAllocate(1, BufferUse::kRead));
  EXPECT_FALSE(second_.ReclaimFromOthers()) << "it is in use";
  LetReclaim(first_, held);
  EXPECT_TRUE(second_.ReclaimFromOthers());
  EXPECT_TRUE(second_.TryAllocate(1, BufferUse::kRead));
  EXPECT_TRUE(second_.Allocate(64 * kKiB, BufferUse::kUpload,
                               Deadline::After(std::chrono::seconds(10))));
}

TEST_F(BufferShareTest, TheOneWithMostGivesFirst) {
  BufferShare third(pool_);
  Buffers few;
  Buffers many;
  few.push_back(*first_.TryAllocate(16 * kKiB, BufferUse::kRead));
  for (int i = 0; i < 2; ++i) {
    many.push_back(*second_.TryAllocate(16 * kKiB, BufferUse::kRead));
  }
  LetReclaim(first_, few);
  LetReclaim(second_, many);
  EXPECT_TRUE(third.ReclaimFromOthers());
  EXPECT_EQ(many.size(), 1u);
  EXPECT_TRUE(third.ReclaimFromOthers());
  EXPECT_TRUE(third.ReclaimFromOthers());
  EXPECT_FALSE(third.ReclaimFromOthers());
  EXPECT_EQ(pool_->bytes_used(), 0u);
}

TEST_F(BufferShareTest, AllAreToldThatMemoryIsFree) {
  int told = 0;
  first_.SetListeners(nullptr, [&] { ++told; });
  second_.SetListeners(nullptr, [&] { ++told; });
  ASSERT_TRUE(first_.TryAllocate(1, BufferUse::kRead));
  EXPECT_EQ(told, 2);
}

TEST_F(BufferShareTest, OneReadIsTheOldestOfAll) {
  const std::uint64_t old = first_.NextTicket();
  first_.SetOldestWaiter(second_.NextTicket());
  EXPECT_TRUE(first_.IsOldestWaiter());
  second_.SetOldestWaiter(old);
  EXPECT_TRUE(second_.IsOldestWaiter());
  EXPECT_FALSE(first_.IsOldestWaiter());
  second_.SetOldestWaiter(BufferShare::kNoTicket);
  EXPECT_TRUE(first_.IsOldestWaiter());
}

TEST_F(BufferShareTest, MemoryGoesBackWhenAllAreIdle) {
  std::byte* freed = nullptr;
  {
    Buffer buffer = *first_.TryAllocate(64 * kKiB, BufferUse::kRead);
    freed = buffer.data();
    freed[0] = std::byte{1};
  }
  { const Buffer other = *second_.TryAllocate(1, BufferUse::kUpload); }
  first_.Trim();
  {
    Buffer again = *first_.TryAllocate(64 * kKiB, BufferUse::kRead);
    ASSERT_EQ(again.data(), freed);
    EXPECT_EQ(freed[0], std::byte{1}) << "the other may still be busy";
  }
  first_.Trim();
  second_.Trim();
  Buffer again = *first_.TryAllocate(64 * kKiB, BufferUse::kRead);
  ASSERT_EQ(again.data(), freed);
  EXPECT_EQ(freed[0], std::byte{0});
}

TEST(BufferPoolTest, RandomBuffersNeverOverlap) {
  const int seed = ::testing::UnitTest::GetInstance()->random_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(static_cast<unsigned>(seed));
  BufferShare pool(std::make_shared<BufferPool>(kSmall));
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
