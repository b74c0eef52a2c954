#include "fs/active_files.h"

#include <gtest/gtest.h>

namespace datashim::fs {
namespace {

TEST(ActiveFilesTest, CountsThoseThatAreReadAndForgetsThoseThatAreNot) {
  ActiveFiles active;
  const std::array<char, 4> files{};
  EXPECT_EQ(active.OnRead(&files[0]), 1u);
  EXPECT_EQ(active.OnRead(&files[0]), 1u);
  for (int i = 0; i < 100; ++i) {
    for (const char& file : files) active.OnRead(&file);
  }
  EXPECT_EQ(active.OnRead(&files[3]), 4u);
  for (std::size_t i = 0; i < ActiveFiles::kReadsRemembered; ++i) {
    active.OnRead(&files[1]);
  }
  EXPECT_EQ(active.OnRead(&files[1]), 1u);
}

}  // namespace
}  // namespace datashim::fs
