#include "sys/small_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "sys/testing/private_mounts.h"

namespace datashim::sys {
namespace {

TEST(SmallFileTest, ReplacesTheContentAndTheMode) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  ASSERT_TRUE(WriteFileAtomically(path, "old", 0644).ok());
  ASSERT_TRUE(WriteFileAtomically(path, std::string(100'000, 'n')).ok());
  EXPECT_EQ(ReadFile(path, 100'000).value(), std::string(100'000, 'n'));
  struct stat found = {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0600U);
}

TEST(SmallFileTest, LeavesNothingBehindWhenItFails) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/folder";
  std::filesystem::create_directories(path + "/full");
  EXPECT_FALSE(WriteFileAtomically(path, "x").ok());  // It is a directory.
  EXPECT_EQ(
      std::distance(std::filesystem::directory_iterator(directory.path()), {}),
      1);
  EXPECT_EQ(
      WriteFileAtomically(directory.path() + "/none/file", "x").error().code,
      ErrorCode::kNotFound);
}

TEST(SmallFileTest, ReadsNoMoreThanTheLimit) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  ASSERT_TRUE(WriteFileAtomically(path, "12345").ok());
  EXPECT_EQ(ReadFile(path, 5).value(), "12345");
  EXPECT_EQ(ReadFile(path, 4).error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(ReadFile(path + "x", 4).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace datashim::sys
