#include "fs/io_mode.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace datashim::fs {
namespace {

constexpr IoMode kModes[] = {IoMode::kDirect, IoMode::kCached,
                             IoMode::kPassthrough};

/// What Linux does (fs/fuse/iomode.c), told in its own terms: `iocachectr` is
/// above zero while the inode is cached, below while it is passed through, and
/// `backing` is the one file of the latter.
struct KernelInode {
  int iocachectr = 0;
  int backing = 0;

  bool Open(IoMode mode, int file) {
    if (backing != 0 && mode != IoMode::kPassthrough) return false;
    if (mode == IoMode::kDirect) return true;
    if (mode == IoMode::kCached) {
      if (iocachectr < 0) return false;
      ++iocachectr;
      return true;
    }
    if (iocachectr > 0 || (backing != 0 && backing != file)) return false;
    --iocachectr;
    backing = file;
    return true;
  }
  void Close(IoMode mode) {
    if (mode == IoMode::kCached) --iocachectr;
    if (mode == IoMode::kPassthrough && ++iocachectr == 0) backing = 0;
  }
};

struct OpenFile {
  IoMode mode;
  int file;
};

// What is allowed here the kernel takes, and nothing more is refused.
TEST(IoModesTest, AllowsWhatTheKernelTakes) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    IoModes modes;
    KernelInode kernel;
    std::vector<OpenFile> open;
    for (int step = 0; step < 100; ++step) {
      if (!open.empty() && random() % 2 == 0) {
        std::swap(open[random() % open.size()], open.back());
        modes.Closed(open.back().mode);
        kernel.Close(open.back().mode);
        open.pop_back();
        continue;
      }
      const IoMode mode = kModes[random() % 3];
      const int file =
          mode == IoMode::kPassthrough ? 1 + static_cast<int>(random() % 2) : 0;
      const bool same = kernel.backing == file;
      KernelInode after = kernel;
      const bool taken = after.Open(mode, file);
      ASSERT_EQ(modes.NeedsNewInode(mode, same), !taken) << seed;
      if (!taken) continue;
      kernel = after;
      modes.Opened(mode);
      open.push_back({mode, file});
      ASSERT_EQ(modes.passes_through(), kernel.backing != 0) << seed;
    }
  }
}

TEST(IoModesTest, AnInodeOfWhichNothingIsOpenTakesAnything) {
  for (const IoMode mode : kModes) {
    IoModes modes;
    EXPECT_FALSE(modes.NeedsNewInode(mode, false));
    modes.Opened(mode);
    modes.Closed(mode);
    for (const IoMode next : kModes) {
      EXPECT_FALSE(modes.NeedsNewInode(next, false));
    }
  }
}

}  // namespace
}  // namespace datashim::fs
