#include "fs/fetch_window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace datashim::fs {
namespace {

constexpr std::uint64_t kPart = std::uint64_t{8} << 20;

// A store that answers after `delay` and sends `rate` bytes a second in all,
// and no connection more than `connection_rate`; a reader that keeps the window
// full for `seconds`.
class Store {
 public:
  Store(double delay, double rate, double connection_rate)
      : delay_(delay), rate_(rate), connection_rate_(connection_rate) {}

  void Read(FetchWindow& window, double seconds) {
    for (const double until = now_ + seconds; now_ < until;) {
      // All parts of the window at once, then the next.
      const std::uint64_t parts = window.bytes() / kPart;
      const double each =
          std::min(connection_rate_, rate_ / static_cast<double>(parts));
      const double took = delay_ + static_cast<double>(kPart) / each;
      for (std::uint64_t i = 0; i < parts; ++i) {
        window.OnFetched(kPart, At(now_), At(now_ + took));
      }
      now_ += took;
    }
  }
  void Pause() { now_ += 8; }

 private:
  static MonotonicTime At(double seconds) {
    return MonotonicTime(std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(seconds)));
  }
  const double delay_;
  const double rate_;
  const double connection_rate_;
  double now_ = 1000;
};

constexpr std::uint64_t kMin = FetchWindowOptions().bytes_min;
constexpr std::uint64_t kMax = FetchWindowOptions().bytes_max;

TEST(FetchWindowTest, ANearStoreNeedsFewParts) {
  FetchWindow window({});
  EXPECT_EQ(window.bytes(), kMin);
  Store store(0.001, 1e9, 1e9);  // 1 ms away, 1 GB/s in all.
  store.Read(window, 60);
  EXPECT_EQ(window.bytes(), kMin);
}

TEST(FetchWindowTest, AFarStoreGetsAllThereIs) {
  FetchWindow window({});
  Store store(0.1, 1e10, 85e6);  // 100 ms away, 85 MB/s a connection.
  store.Read(window, 5);
  EXPECT_EQ(window.bytes(), kMax);
  store.Read(window, 60);
  EXPECT_EQ(window.bytes(), kMax);
}

TEST(FetchWindowTest, ASlowNetworkIsNotFloodedWithRequests) {
  FetchWindow window({});
  Store store(0.03, 20e6, 20e6);
  for (int second = 0; second < 120; ++second) {
    store.Read(window, 1);
    EXPECT_LE(window.bytes(), 2 * kMin);  // While it tries.
  }
}

TEST(FetchWindowTest, TriesAgainAfterAPause) {
  FetchWindow window({});
  Store slow(0.001, 1e8, 1e8);
  slow.Read(window, 5);
  EXPECT_EQ(window.bytes(), kMin);
  Store fast(0.1, 1e10, 85e6);
  fast.Pause();
  fast.Read(window, 5);
  EXPECT_EQ(window.bytes(), kMax);
}

TEST(FetchWindowTest, SmallPiecesSayNothing) {
  FetchWindow window({});
  const MonotonicTime begin(std::chrono::seconds(1));
  for (int i = 0; i < 100; ++i) {
    window.OnFetched(1000, begin, begin + std::chrono::seconds(1));
  }
  EXPECT_EQ(window.bytes(), kMin);
}

}  // namespace
}  // namespace datashim::fs
